"""Full-range BT.601 Y'CbCr of 8-bit pictures in NumPy, in strips of rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
_STRIP = 1 << 19


def _strips(height: int, width: int) -> Iterator[slice]:
    step = max(1, _STRIP // width)
    return (slice(start, min(height, start + step)) for start in range(0, height, step))


def _round(x: NDArray[np.float32]) -> U8:
    rounded: U8 = np.clip(np.floor(x + np.float32(0.5)), 0, 255).astype(np.uint8)
    return rounded


def luma(rgb: U8) -> U8:
    """Luma of uint8 ``[H, W, 3]``, as `lightning_dlic.imaging.color.luma_uint8` gives it: ``[H, W]``."""
    out = np.empty(rgb.shape[:2], np.uint8)
    for rows in _strips(rgb.shape[0], rgb.shape[1]):
        r, g, b = (rgb[rows, :, index].astype(np.int32) for index in range(3))
        out[rows] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16
    return out


def split(rgb: U8) -> tuple[U8, U8, U8]:
    """Y', Cb and Cr of uint8 ``[H, W, 3]``, each uint8 ``[H, W]``; chroma is centred at 128."""
    y, cb, cr = luma(rgb), np.empty(rgb.shape[:2], np.uint8), np.empty(rgb.shape[:2], np.uint8)
    for rows in _strips(y.shape[0], y.shape[1]):
        r, g, b = (rgb[rows, :, index].astype(np.float32) for index in range(3))
        light = 0.299 * r + 0.587 * g + 0.114 * b
        cb[rows] = _round((b - light) / np.float32(1.772) + 128)
        cr[rows] = _round((r - light) / np.float32(1.402) + 128)
    return y, cb, cr


def merge(y: U8, cb: U8, cr: U8) -> U8:
    """RGB ``[H, W, 3]`` of three planes ``[H, W]``; colours outside RGB's cube are clipped."""
    out = np.empty((*y.shape, 3), np.uint8)
    for rows in _strips(y.shape[0], y.shape[1]):
        light, blue, red = (plane[rows].astype(np.float32) for plane in (y, cb, cr))
        blue -= 128
        red -= 128
        out[rows, :, 0] = _round(light + np.float32(1.402) * red)
        out[rows, :, 1] = _round(light - np.float32(0.344136286) * blue - np.float32(0.714136286) * red)
        out[rows, :, 2] = _round(light + np.float32(1.772) * blue)
    return out
