"""What pictures of unknown origin have been through: blur, resizing, noise and lossy files, several times over."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, features
from torch import Tensor

from dlic_datamodules.transform import BatchTransform
from dlic_registry import DlicError, did_you_mean
from lightning_dlic.imaging.color import rgb_to_ycbcr
from lightning_dlic.transforms.kernels import blurred, draw_kernel, sinc

__all__ = ["Realistic"]

F32 = NDArray[np.float32]
# Sets these draws apart from those of crops, of `Degrade` and of `Hinted`.
_SALT = np.uint64(0x7265616C6973)
_FORMATS = ("jpeg", "webp", "avif")
_FILTERS = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
# Of a resize: up, down, none; in the first round and after it.
_RESIZES = ((0.2, 0.7, 0.1), (0.3, 0.4, 0.3))
_POISSON, _GREY, _POISSON_SHARE = (0.05, 3.0), 0.4, 0.5
_SINC_SHARE, _BLUR_AGAIN = 0.8, 0.8
_LEAST_SIDE = 4


class Realistic(BatchTransform):
    """Adds ``base`` to a batch: its pictures made small the way pictures of unknown origin are, for `sr` to undo.

    Each round blurs, resizes, adds noise and writes a lossy file, in an order of its own; at the end the picture gets
    the size that is wanted, may be sharpened until it rings, and is written once more. Ranges, shares and kernels are
    Real-ESRGAN's (Wang et al., ICCVW 2021), the orders BSRGAN's (Zhang et al., ICCV 2021); beside JPEG there are WebP
    and AVIF. It runs in the loader's workers, is picklable, and draws from the samples' keys alone.

    Args:
        scale: Whole factor both sides are divided by.
        rounds: How often: 2 is Real-ESRGAN's second order, 1 is milder, 0 leaves resizing and the last file.
        shuffle: Whether the order within a round is drawn; otherwise it is blur, resize, noise, file.
        blur: Least and greatest standard deviation of a blur, in pixels; the greatest is halved after the first round.
        resize: Least and greatest factor of a resize on the way; nearer to 1 after the first round.
        noise: Least and greatest standard deviation of Gaussian noise, in levels; a share of pictures has Poisson noise
            in its place.
        codecs: File formats to draw from: ``jpeg``, ``webp``, ``avif``.
        quality: Lowest and highest quality of a file, 1 to 100.
        ycbcr: Give Y', Cb and Cr, as chains and `reconstruction` take them; otherwise RGB, as `sr` does.

    Raises:
        DlicError: A value is out of range, or a format cannot be written here.

    Example:
        >>> import numpy as np, torch
        >>> batch = {"image": torch.zeros(2, 3, 32, 32, dtype=torch.uint8)}
        >>> Realistic(scale=2)(batch, np.array([1, 2], np.uint64))["base"].shape
        torch.Size([2, 3, 16, 16])
    """

    def __init__(
        self,
        scale: int = 4,
        *,
        rounds: int = 2,
        shuffle: bool = True,
        blur: Sequence[float] = (0.2, 3.0),
        resize: Sequence[float] = (0.15, 1.5),
        noise: Sequence[float] = (1.0, 30.0),
        codecs: Sequence[str] = _FORMATS,
        quality: Sequence[int] = (30, 95),
        ycbcr: bool = False,
    ) -> None:
        if not 1 <= scale <= 16:
            raise DlicError(f"realistic: scale must be a whole number from 1 to 16, not {scale!r}")
        if not 0 <= rounds <= 4:
            raise DlicError(f"realistic: rounds must be from 0 to 4, not {rounds!r}")
        self.scale, self.rounds, self.shuffle, self.ycbcr = scale, rounds, shuffle, ycbcr
        self.blur = _pair("blur", blur, 0.05, 20.0)
        self.resize = _pair("resize", resize, 0.05, 4.0)
        self.noise = _pair("noise", noise, 0.0, 128.0)
        self.quality = _pair("quality", quality, 1, 100)
        if not codecs:
            raise DlicError("realistic: codecs names no format")
        for name in codecs:
            if name not in _FORMATS:
                raise DlicError(f"realistic: no format {name!r}.{did_you_mean(name, _FORMATS)} There are {_FORMATS}")
            if name != "jpeg" and not features.check(name):
                raise DlicError(f"realistic: this Pillow writes no {name}\nInstall pillow's wheel, or leave it out")
        self.codecs = tuple(codecs)

    def __call__(self, batch: dict[str, Tensor], keys: NDArray[np.uint64]) -> dict[str, Tensor]:
        """Adds the small pictures.

        Args:
            batch: ``image`` uint8 ``[B, 3 or 1, H, W]``.
            keys: What to draw from, uint64 ``[B]``.

        Returns:
            The batch with ``base`` uint8 ``[B, 3 or 1, H // scale, W // scale]``, RGB or as ``ycbcr`` says, and
            ``image`` cropped to whole multiples of the scale.
        """
        image = batch["image"]
        height, width = image.shape[-2] // self.scale, image.shape[-1] // self.scale
        if min(height, width) < _LEAST_SIDE:
            size = "x".join(map(str, image.shape[-2:]))
            raise DlicError(f"realistic: a picture of {size} is too small for scale {self.scale}\nRaise data.args.crop")
        image = image[..., : height * self.scale, : width * self.scale]
        pictures = image.permute(0, 2, 3, 1).numpy().astype(np.float32) / np.float32(255.0)
        made = [
            self._through(picture, (height, width), np.random.Generator(np.random.PCG64(int(key ^ _SALT))))
            for picture, key in zip(pictures, keys, strict=True)
        ]
        base = torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).contiguous()
        if self.ycbcr and base.shape[1] == 3:
            planes = rgb_to_ycbcr(base.float() / 255.0) * 255.0
            planes[:, 1:] += 128.0
            base = planes.round().clamp(0.0, 255.0).to(torch.uint8)
        return {**batch, "image": image, "base": base}

    def _through(self, picture: F32, size: tuple[int, int], draw: np.random.Generator) -> NDArray[np.uint8]:
        for number in range(self.rounds):
            steps = [self._blur, self._resize, self._noise, self._file]
            for at in draw.permutation(len(steps)) if self.shuffle else range(len(steps)):
                picture = steps[at](picture, draw, number)
        last: list[Callable[[F32], F32]] = [
            lambda x: self._ring(_resized(x, size, draw), draw),
            lambda x: self._file(x, draw, 0),
        ]
        for at in draw.permutation(2):
            picture = last[at](picture)
        return np.asarray((picture * 255.0).round().clip(0, 255), np.uint8)

    def _blur(self, picture: F32, draw: np.random.Generator, number: int) -> F32:
        if number and draw.random() >= _BLUR_AGAIN:
            return picture
        most = self.blur[1] if number == 0 else max(self.blur[0], self.blur[1] / 2)
        return blurred(picture, draw_kernel(draw, self.blur[0], most))

    def _resize(self, picture: F32, draw: np.random.Generator, number: int) -> F32:
        low, high = self.resize
        if number:
            low, high = min(1.0, low * 2), max(1.0, high * 0.8)
        way = int(draw.choice(3, p=_RESIZES[min(number, 1)]))
        factor = (draw.uniform(1.0, max(1.0, high)), draw.uniform(min(low, 1.0), 1.0), 1.0)[way]
        # Never so small that nothing is left to learn from.
        sides = (max(_LEAST_SIDE, round(side * factor)) for side in picture.shape[:2])
        return _resized(picture, (next(sides), next(sides)), draw)

    def _noise(self, picture: F32, draw: np.random.Generator, number: int) -> F32:
        low, high = self.noise
        high = high if number == 0 else max(low, high * 25 / 30)
        grey = picture.shape[2] == 1 or draw.random() < _GREY
        shape = (*picture.shape[:2], 1 if grey else picture.shape[2])
        clean = picture.clip(0.0, 1.0)
        if high and draw.random() < _POISSON_SHARE:
            light = clean.mean(axis=2, keepdims=True) if grey else clean
            # As many photons at white as there are levels.
            drawn = draw.poisson(light * 255.0).astype(np.float32) / 255.0 - light
            strength = draw.uniform(*_POISSON) * high / 30.0
            return np.asarray(clean + strength * drawn, np.float32).clip(0.0, 1.0)
        noise = draw.standard_normal(shape, np.float32) * np.float32(draw.uniform(low, high) / 255.0)
        return np.asarray(clean + noise, np.float32).clip(0.0, 1.0)

    def _file(self, picture: F32, draw: np.random.Generator, number: int) -> F32:
        form = self.codecs[int(draw.integers(len(self.codecs)))]
        quality = int(draw.integers(int(self.quality[0]), int(self.quality[1]) + 1))
        return through_file(picture, form, quality)

    def _ring(self, picture: F32, draw: np.random.Generator) -> F32:
        if draw.random() >= _SINC_SHARE or not self.rounds:
            return picture
        side = int(draw.choice(range(7, 22, 2)))
        return blurred(picture, sinc(side, draw.uniform(math.pi / 3, math.pi)))


def through_file(picture: F32, form: str, quality: int) -> F32:
    """A picture as it comes out of a lossy file.

    Args:
        picture: ``[h, w, 3 or 1]`` in [0, 1], clipped and rounded to 8 bits.
        form: ``jpeg``, ``webp`` or ``avif``.
        quality: 1 to 100, as Pillow has it.
    """
    pixels = (picture * 255.0).round().clip(0, 255).astype(np.uint8)
    grey = pixels.shape[2] == 1
    # Grey as such is no affair of WebP's and AVIF's.
    whole = Image.fromarray(pixels[..., 0] if grey else pixels)
    options = {"avif": {"speed": 10, "max_threads": 1}, "webp": {"method": 0}}.get(form, {})
    file = io.BytesIO()
    (whole if form == "jpeg" else whole.convert("RGB")).save(file, form, quality=quality, **options)
    back = np.asarray(Image.open(file).convert("L" if grey else "RGB"), np.float32) / np.float32(255.0)
    return back[..., None] if grey else back


def _resized(picture: F32, size: tuple[int, int], draw: np.random.Generator) -> F32:
    """By a filter that is drawn; Pillow's average over what a pixel covers."""
    how = _FILTERS[int(draw.integers(len(_FILTERS)))]
    if picture.shape[:2] == size:
        return picture
    planes = [
        Image.fromarray(np.ascontiguousarray(picture[..., c])).resize(size[::-1], how) for c in range(picture.shape[2])
    ]
    return np.stack([np.asarray(plane, np.float32) for plane in planes], axis=-1)


def _pair(name: str, given: Sequence[float], least: float, most: float) -> tuple[float, float]:
    if len(given) != 2 or not least <= given[0] <= given[1] <= most:
        raise DlicError(
            f"realistic: {name} must be two numbers in order, from {least:g} to {most:g}, not {list(given)!r}"
        )
    return given[0], given[1]
