"""How a decoded picture looks beside its original: what the search for looks is best by. No reported figure is it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.imaging.numpy.color import split
from lightning_dlic.pipeline.measures import ssim
from lightning_dlic.weights import find_weights

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
_FILE = "vgg19_features.safetensors"
# Side of the windows that VGG-19 compares, in quadrants of a picture: the whole would take seconds each time.
_LEAST = 16
_WINDOW = 112
# Mean squared errors, of samples in [0, 1], beside VGG's distance: a decibel at 25 dB weighs .002.
_PIXELS = 3.0
# What half or twice the contrast of blocks weighs beside SSIM, and levels below which contrast is noise.
_CONTRAST, _NOISE, _BLOCK = 0.25, 2.0, 8


def look_distance(original: U8) -> Callable[[U8], float]:
    """A function that says how far a decoded picture looks from an original; 0 for equal ones.

    Where VGG-19's weights are found (`lightning_dlic.weights.find_weights`) and torch is installed it is the loss
    ``lpips_vgg19`` on a window of each quadrant, plus three times the mean squared error. Elsewhere it is 1 less SSIM
    of luma, plus a quarter of how many times, as a power of two, the contrast of 8x8 blocks is off: a smooth block
    where there was texture counts, and so does texture where there was none. Nothing is downloaded.

    Args:
        original: uint8 ``[H, W, 3]``, or ``[H, W]`` for grey.
    """
    return _by_features(original) or (lambda picture: _by_contrast(picture, original))


def _by_features(original: U8) -> Callable[[U8], float] | None:
    if find_weights(_FILE) is None:
        return None
    try:
        import torch

        from lightning_dlic.losses.lpips_vgg19 import LPIPSVGG19
    except ImportError:
        return None
    loss = LPIPSVGG19()

    def tensor(picture: U8) -> Any:
        planes = np.atleast_3d(picture).transpose(2, 0, 1)
        whole = torch.from_numpy(np.ascontiguousarray(planes)).float().div(255.0)[None]
        # VGG-19 halves a picture three times: a smaller one goes on as its edges do.
        below, right = (max(0, _LEAST - side) for side in whole.shape[-2:])
        whole = torch.nn.functional.pad(whole, (0, right, 0, below), mode="replicate")
        return torch.cat([whole[..., rows, columns] for rows, columns in _windows(*whole.shape[-2:])])

    target = tensor(original)

    def distance(picture: U8) -> float:
        error = float(np.square(picture.astype(np.float32) - original).mean()) / 255.0**2
        with torch.inference_mode():
            return float(loss(tensor(picture), target)) + _PIXELS * error

    return distance


def _windows(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """The middle of each quadrant, all of one size; the whole of a small picture."""
    if min(height, width) < 2 * _WINDOW:
        yield slice(0, height), slice(0, width)
        return
    for down in (1, 3):
        for across in (1, 3):
            top, left = down * height // 4 - _WINDOW // 2, across * width // 4 - _WINDOW // 2
            yield slice(top, top + _WINDOW), slice(left, left + _WINDOW)


def _by_contrast(picture: U8, original: U8) -> float:
    made, wanted = (split(each)[0] if each.ndim == 3 else each for each in (picture, original))
    off = np.abs(np.log2(_contrast(made) / _contrast(wanted)))
    return 1.0 - ssim(made, wanted) + _CONTRAST * float(off.mean())


def _contrast(luma: U8) -> F32:
    """Standard deviation of each block, in levels, above the noise."""
    height, width = (max(_BLOCK, side - side % _BLOCK) for side in luma.shape)
    whole = np.pad(luma, [(0, max(0, _BLOCK - side)) for side in luma.shape], mode="edge")[:height, :width]
    blocks = whole.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).astype(np.float32)
    deviation: F32 = blocks.std(axis=(1, 3))
    return deviation + np.float32(_NOISE)
