"""One picture file's bytes to an upright 8-bit sRGB (or grey) array, for training and measuring.

Neither PyTorch nor Lightning is imported, so that a decoding process starts in a fraction of a second.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlic_datamodules.formats import PICTURE_SUFFIXES, RAW_SUFFIXES, guarded
from dlic_datamodules.pictures import flat_rgb, picture_size, read_picture, to_srgb
from dlic_datamodules.profiles import bands

__all__ = ["PICTURE_SUFFIXES", "RAW_SUFFIXES", "DecodeOptions", "decode", "probe"]


@dataclass(frozen=True)
class DecodeOptions:
    """What decoding does to a picture; part of a cache's key.

    Attributes:
        gray: One channel, full-range BT.601 luma, instead of RGB.
        downsize: Both sides are divided by this (antialiased bicubic), at least 1.
        max_pixels: A picture that declares more is refused before it is decoded.
    """

    gray: bool = False
    downsize: float = 1.0
    max_pixels: int = 1 << 26

    @property
    def channels(self) -> int:
        """1 or 3."""
        return 1 if self.gray else 3

    @property
    def max_bytes(self) -> int:
        """No sensible file of `max_pixels` pixels is larger than this."""
        return 8 * self.max_pixels + (1 << 20)

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return asdict(self)


def decode(data: bytes, options: DecodeOptions | None = None, *, raw: bool = False) -> NDArray[np.uint8]:
    """Decodes a picture.

    The first frame of several is taken, EXIF orientation is applied, colours are converted to sRGB by the profile that
    the file embeds or implies, 16 bits are scaled, transparency is laid over white.

    Args:
        data: The file's bytes.
        options: See `DecodeOptions`.
        raw: The bytes are a camera's raw file (NEF, DNG, ...); needs the extra ``raw``.

    Returns:
        Contiguous uint8 ``[3 or 1, H, W]``, 0 to 255.

    Raises:
        PictureError: The bytes give no picture within the limits; its `reason` says why.
        DataError: The package that reads the format is not installed.
    """
    asked = options or DecodeOptions()
    picture = read_picture(data, asked.max_pixels, raw=raw)
    with guarded(asked.max_pixels):
        return _planes(flat_rgb(to_srgb(picture)), asked)


def _planes(pixels: NDArray[np.uint8], options: DecodeOptions) -> NDArray[np.uint8]:
    """``[H, W, C]`` to the channels and the size that are asked for, ``[C, H, W]``."""
    height, width = pixels.shape[:2]
    if options.downsize != 1:
        size = _shrunk((width, height), options.downsize)
        pixels = np.asarray(_image(pixels, options.gray).resize(size, Image.Resampling.BICUBIC))
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
        height, width = pixels.shape[:2]
    planes = np.empty((options.channels, height, width), np.uint8)
    for rows in bands(height, width):
        band = pixels[rows]
        if options.gray and band.shape[2] == 3:
            planes[0, rows] = np.asarray(_image(band, True))
        else:
            planes[:, rows] = band.transpose(2, 0, 1)
    return planes


def _image(pixels: NDArray[np.uint8], gray: bool) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))
    return image.convert("L") if gray else image


def _shrunk(size: tuple[int, int], factor: float) -> tuple[int, int]:
    return max(1, round(size[0] / factor)), max(1, round(size[1] / factor))


def probe(data: bytes, options: DecodeOptions | None = None, *, raw: bool = False) -> tuple[int, int]:
    """Width and height (either way round) that `decode` would give, from the header alone where the format has one.

    Raises:
        PictureError: As `decode`.
        DataError: As `decode`.
    """
    asked = options or DecodeOptions()
    return _shrunk(picture_size(data, asked.max_pixels, raw=raw), asked.downsize)
