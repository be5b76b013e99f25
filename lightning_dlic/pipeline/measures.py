"""PSNR and SSIM in NumPy, for the encoder's search. What is reported comes from `lightning_dlic.metrics`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlic_registry import DlicError
from lightning_dlic.metrics.terms import K1, K2, MOST_DB, SCALE_WEIGHTS, SIGMA, WINDOW, decibels

U8 = NDArray[np.uint8]
METRICS = ("psnr", "ssim", "ms_ssim", "lpips", "color", "look")
"""What the search may be best by."""
DISTANCES = ("lpips", "look")
"""Those of which less is better."""
_C1, _C2 = (K1 * 255) ** 2, (K2 * 255) ** 2
_STRIP = 1 << 19


def psnr(x: U8, y: U8) -> float:
    """PSNR in dB over all samples of two arrays of one shape; 100 where they are equal."""
    total, flat_x, flat_y = 0, x.reshape(-1), y.reshape(-1)
    for start in range(0, flat_x.size, _STRIP):
        # Sums of a strip stay below 2^53, where double precision is exact; 32 bits would overflow.
        error = flat_x[start : start + _STRIP].astype(np.float64) - flat_y[start : start + _STRIP]
        total += int(np.dot(error, error))
    return min(MOST_DB, decibels(total, flat_x.size))


def psnr_chroma(x: tuple[U8, ...], y: tuple[U8, ...]) -> float:
    """PSNR in dB over Cb and Cr of two pictures' planes Y', Cb, Cr, all of the pictures' size."""
    return psnr(np.stack(x[1:]), np.stack(y[1:]))


def _weights() -> NDArray[np.float32]:
    offset = np.arange(WINDOW) - WINDOW // 2
    weight = np.exp(-(offset**2) / (2 * SIGMA**2))
    normalised: NDArray[np.float32] = (weight / weight.sum()).astype(np.float32)
    return normalised


def _blur(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gaussian means of each window that lies inside, ``[H-10, W-10]``."""
    rows, columns = x.shape[0] - WINDOW + 1, x.shape[1] - WINDOW + 1
    down = np.zeros((rows, x.shape[1]), np.float32)
    for offset, weight in enumerate(_weights()):
        down += weight * x[offset : offset + rows]
    across = np.zeros((rows, columns), np.float32)
    for offset, weight in enumerate(_weights()):
        across += weight * down[:, offset : offset + columns]
    return across


def _ssim_sums(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sums over windows of SSIM and of its contrast-structure part."""
    # Moments about mid-grey lose fewer digits in float32.
    x, y = x - 128, y - 128
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    structure = (2 * (_blur(x * y) - mean_x * mean_y) + _C2) / (var_x + var_y + _C2)
    mean_x, mean_y = mean_x + 128, mean_y + 128
    light = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return np.array([(light * structure).sum(dtype=np.float64), structure.sum(dtype=np.float64)])


def ssim(x: U8, y: U8) -> float:
    """SSIM of two planes ``[H, W]``, Gaussian window 11x11 of sigma 1.5; of pictures smaller than it, by repetition."""
    return float(_ssim_means(x, y)[0])


def ms_ssim(x: U8, y: U8) -> float:
    """MS-SSIM of two planes ``[H, W]``: five scales by 2x2 means, fewer where these would not hold a window."""
    total, (a, b) = 1.0, (x.astype(np.float32), y.astype(np.float32))
    for index, weight in enumerate(SCALE_WEIGHTS):
        full, structure = _ssim_means(a, b)
        last = index == len(SCALE_WEIGHTS) - 1 or min(a.shape) < 2 * WINDOW
        total *= max(0.0, full if last else structure) ** weight
        if last:
            break
        a, b = _halved(a), _halved(b)
    return float(total)


def _halved(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    plane = plane[: plane.shape[0] // 2 * 2, : plane.shape[1] // 2 * 2]
    tall = plane[::2] + plane[1::2]
    means: NDArray[np.float32] = ((tall[:, ::2] + tall[:, 1::2]) / 4).astype(np.float32)
    return means


def _ssim_means(x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    if min(x.shape) < WINDOW:
        margin = [(0, max(0, WINDOW - side)) for side in x.shape]
        x, y = np.pad(x, margin, mode="edge"), np.pad(y, margin, mode="edge")
    inside = x.shape[0] - WINDOW + 1
    step = max(1, _STRIP // x.shape[1])
    total = np.zeros(2)
    for start in range(0, inside, step):
        rows = slice(start, min(inside, start + step) + WINDOW - 1)
        total += _ssim_sums(x[rows].astype(np.float32), y[rows].astype(np.float32))
    means: NDArray[np.float64] = total / (inside * (x.shape[1] - WINDOW + 1))
    return means


def lpips_distance() -> Callable[[U8, U8], float]:
    """A function of two pictures ``[H, W, 3]`` or ``[H, W]`` that gives LPIPS (AlexNet), 0 for equal ones.

    Raises:
        DlicError: The network's weights cannot be found, or PyTorch is not installed.
    """
    try:
        import torch

        from lightning_dlic.metrics.perceptual import LPIPS
    except ImportError as error:
        raise DlicError(f"metric lpips needs {error.name}, which cannot be imported here") from error

    net = LPIPS()

    def tensor(picture: U8) -> Any:
        planes = torch.from_numpy(np.ascontiguousarray(picture)).float().div(255.0)
        planes = planes[None] if planes.dim() == 2 else planes.permute(2, 0, 1)
        height, width = planes.shape[-2:]
        # The network needs 32 pixels each way.
        margin = (0, max(0, 32 - width), 0, max(0, 32 - height))
        return torch.nn.functional.pad(planes[None], margin, mode="replicate")

    def distance(x: U8, y: U8) -> float:
        with torch.inference_mode():
            return float(net(tensor(x), tensor(y)))

    return distance
