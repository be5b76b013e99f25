"""The small picture that a base codec codes: 8-bit luma, and chroma at half its size."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.imaging.numpy.resize import shrink

U8 = NDArray[np.uint8]
_STRIP = 1 << 20


@dataclass(frozen=True)
class Planes:
    """Full-range BT.601 Y'CbCr, 4:0:0 or 4:2:0.

    Attributes:
        y: Luma, uint8 ``[h, w]``.
        cb: Blue chroma centred at 128, uint8 ``[ceil(h/2), ceil(w/2)]``; None for a grey picture.
        cr: Red chroma, alike.
        rgb: The same picture as uint8 ``[h, w, 3]``, where an encoder may know it; no decoder sets it.
    """

    y: U8
    cb: U8 | None = None
    cr: U8 | None = None
    rgb: U8 | None = None

    @property
    def color(self) -> bool:
        """Whether there is chroma."""
        return self.cb is not None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the luma."""
        return self.y.shape[0], self.y.shape[1]

    def each(self) -> tuple[U8, ...]:
        """The one or three planes, luma first."""
        return (self.y,) if self.cb is None or self.cr is None else (self.y, self.cb, self.cr)

    def crc32(self) -> int:
        """CRC-32 (that of zlib and PNG) over all samples: luma, Cb, Cr, each row by row."""
        value = 0
        for plane in self.each():
            for strip in strips(plane):
                value = zlib.crc32(strip.data, value)
        return value


def strips(plane: U8) -> Iterator[U8]:
    """A plane's rows, so many at a time that they make about a megabyte, contiguous in memory."""
    step = max(1, _STRIP // max(1, plane.shape[1]))
    return (np.ascontiguousarray(plane[start : start + step]) for start in range(0, plane.shape[0], step))


def chroma_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of the chroma planes of a picture."""
    return -(-height // 2), -(-width // 2)


def pad(plane: U8, height: int, width: int) -> U8:
    """Repeats the last row and column up to ``height`` and ``width``."""
    return np.pad(plane, ((0, height - plane.shape[0]), (0, width - plane.shape[1])), mode="edge")


def downsized(picture: U8, planes: tuple[U8, ...], scale: float) -> Planes:
    """The base layer of a picture before it is coded, by MATLAB's antialiased bicubic.

    Args:
        picture: uint8 ``[H, W, 3]`` or ``[H, W]``.
        planes: Y', and Cb and Cr of a colour picture, each uint8 ``[H, W]``.
        scale: Factor both sides are divided by, rounding up; chroma is halved once more.
    """
    luma = shrink(planes[0], scale)
    if len(planes) == 1:
        return Planes(luma)
    blue, red = (shrink(plane, 2 * scale) for plane in planes[1:])
    rgb = np.stack([shrink(np.ascontiguousarray(picture[..., c]), scale) for c in range(3)], axis=-1)
    return Planes(luma, blue, red, rgb)
