"""`lightning_dlic.imaging.resize` in NumPy, for the codec, which must not wait for torch.

Works in strips of rows, so that memory stays near that of the pictures themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
_STRIP = 1 << 20
# Output samples whose taps are worked out at a time: a side may have a million.
_PIECE = 1 << 16
# What a quotient may lie above a whole number by rounding.
_NOISE = 1e-9


@lru_cache(maxsize=64)
def _taps(n_in: int, n_out: int, scale: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Source indices ``[taps, n_out]`` and weights of MATLAB's antialiased bicubic along one axis."""
    parts = [
        _some_taps(np.arange(start + 1, min(n_out, start + _PIECE) + 1), scale) for start in range(0, n_out, _PIECE)
    ]
    index, weight = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
    used = (weight != 0).any(1)
    return np.clip(index[used] - 1, 0, n_in - 1), weight[used]


def _some_taps(place: NDArray[np.int64], scale: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Indices from 1, beyond the borders too, and weights of output samples from 1."""
    stretch = min(scale, 1.0)
    width = 4.0 / stretch
    centre = place / scale + 0.5 * (1.0 - 1.0 / scale)
    index = np.floor(centre - width / 2.0) + np.arange(math.ceil(width) + 2)[:, None]
    a = np.abs((centre - index) * stretch)
    near = 1.5 * a**3 - 2.5 * a**2 + 1.0
    far = -0.5 * a**3 + 2.5 * a**2 - 4.0 * a + 2.0
    weight = near * (a <= 1) + far * ((a > 1) & (a <= 2))
    return index.astype(np.int64), weight / weight.sum(0)


def _rows(x: NDArray[Any], start: int, stop: int, n_out: int, scale: float, dtype: type[Any]) -> NDArray[Any]:
    """Output rows ``start`` to ``stop`` of a resize along the first axis."""
    index, weight = _taps(x.shape[0], n_out, scale)
    total = np.zeros((stop - start, *x.shape[1:]), dtype)
    for row, factor in zip(index[:, start:stop], weight[:, start:stop].astype(dtype), strict=True):
        total += x[row] * factor[:, None]
    return total


def _columns(x: NDArray[Any], n_out: int, scale: float, dtype: type[Any]) -> NDArray[Any]:
    turned = np.ascontiguousarray(x.T)
    return _rows(turned, 0, n_out, n_out, scale, dtype).T


def _round(x: NDArray[Any]) -> U8:
    return np.clip(np.floor(x + 0.5), 0, 255).astype(np.uint8)


def shrunk(side: int, factor: float) -> int:
    """Samples that are left of a side which is made so many times smaller: rounded up."""
    return math.ceil(side / factor - _NOISE)


def shrink(plane: U8, factor: float) -> U8:
    """Downsizes as MATLAB's ``imresize(x, 1 / factor)`` of a uint8 array, rounding after each axis.

    Args:
        plane: uint8 ``[H, W]``.
        factor: From 1.

    Returns:
        uint8 ``[ceil(H / factor), ceil(W / factor)]``.
    """
    if factor == 1:
        return plane
    height, width = (shrunk(side, factor) for side in plane.shape)
    out = np.empty((height, width), np.uint8)
    step = max(1, _STRIP // plane.shape[1])
    for start in range(0, height, step):
        stop = min(height, start + step)
        strip = _round(_rows(plane, start, stop, height, 1.0 / factor, np.float64))
        out[start:stop] = _round(_columns(strip, width, 1.0 / factor, np.float64))
    return out


def resize_uint8(plane: U8, factor: int) -> U8:
    """Enlarges as MATLAB's ``imresize(x, factor)`` of a uint8 array, rounding after each axis.

    Args:
        plane: uint8 ``[h, w]``.
        factor: Whole number from 2.

    Returns:
        uint8 ``[h * factor, w * factor]``.
    """
    height, width = (side * factor for side in plane.shape)
    tall = _round(_rows(plane, 0, height, height, float(factor), np.float64))
    return np.ascontiguousarray(_round(_columns(tall, width, float(factor), np.float64)))


def row_strips(height: int, width: int) -> Iterator[slice]:
    """Covers the rows of a picture, so many at a time that memory stays small."""
    step = max(1, _STRIP // width)
    return (slice(start, min(height, start + step)) for start in range(0, height, step))


def enlarge(plane: U8, factor: float, height: int, width: int) -> U8:
    """Enlarges by bicubic interpolation and rounds once.

    Args:
        plane: uint8 ``[h, w]``.
        factor: From 1.
        height: Rows to keep, at most ``h * factor``.
        width: Columns to keep.

    Returns:
        uint8 ``[height, width]``.
    """
    if factor == 1:
        return plane[:height, :width]
    out = np.empty((height, width), np.uint8)
    for rows in row_strips(height, width):
        out[rows] = resize_rows(plane, (factor, factor), (height, width), rows)
    return out


def resize_rows(plane: U8, factors: tuple[float, float], size: tuple[int, int], rows: slice) -> U8:
    """Some rows of a plane resized by bicubic interpolation, antialiased where it shrinks, and rounded once.

    Args:
        plane: uint8 ``[h, w]``.
        factors: Of rows and columns.
        size: Rows and columns of the whole result; what lies beyond the plane repeats its border.
        rows: Which rows are wanted.

    Returns:
        uint8 ``[rows.stop - rows.start, width]``.
    """
    height, width = size
    if factors == (1.0, 1.0):
        return plane[rows, :width]
    strip = _rows(plane, rows.start, rows.stop, height, float(factors[0]), np.float32)
    return _round(_columns(strip, width, float(factors[1]), np.float32))
