"""`lightning_dlic.imaging.resize` in NumPy, for the codec, which must not wait for torch.

Works in strips of rows, so that memory stays near that of the pictures themselves.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
_STRIP = 1 << 20


@lru_cache(maxsize=256)
def _taps(n_in: int, n_out: int, scale: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Source indices ``[taps, n_out]`` and weights of MATLAB's antialiased bicubic along one axis."""
    stretch = min(scale, 1.0)
    width = 4.0 / stretch
    centre = np.arange(1, n_out + 1) / scale + 0.5 * (1.0 - 1.0 / scale)
    index = np.floor(centre - width / 2.0) + np.arange(math.ceil(width) + 2)[:, None]
    a = np.abs((centre - index) * stretch)
    near = 1.5 * a**3 - 2.5 * a**2 + 1.0
    far = -0.5 * a**3 + 2.5 * a**2 - 4.0 * a + 2.0
    weight = near * (a <= 1) + far * ((a > 1) & (a <= 2))
    weight = weight / weight.sum(0)
    used = (weight != 0).any(1)
    return np.clip(index[used].astype(np.int64) - 1, 0, n_in - 1), weight[used]


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


def shrink(plane: U8, factor: int) -> U8:
    """Downsizes as MATLAB's ``imresize(x, 1 / factor)`` of a uint8 array, rounding after each axis.

    Args:
        plane: uint8 ``[H, W]``.
        factor: Whole number from 1.

    Returns:
        uint8 ``[ceil(H / factor), ceil(W / factor)]``.
    """
    if factor == 1:
        return plane
    height, width = (-(-side // factor) for side in plane.shape)
    out = np.empty((height, width), np.uint8)
    step = max(1, _STRIP // plane.shape[1])
    for start in range(0, height, step):
        stop = min(height, start + step)
        strip = _round(_rows(plane, start, stop, height, 1.0 / factor, np.float64))
        out[start:stop] = _round(_columns(strip, width, 1.0 / factor, np.float64))
    return out


def enlarge(plane: U8, factor: int, height: int, width: int) -> U8:
    """Enlarges by bicubic interpolation and rounds once.

    Args:
        plane: uint8 ``[h, w]``.
        factor: Whole number from 1.
        height: Rows to keep, at most ``h * factor``.
        width: Columns to keep.

    Returns:
        uint8 ``[height, width]``.
    """
    if factor == 1:
        return plane[:height, :width]
    rows, columns = plane.shape[0] * factor, plane.shape[1] * factor
    out = np.empty((height, width), np.uint8)
    step = max(1, _STRIP // columns)
    for start in range(0, height, step):
        stop = min(height, start + step)
        strip = _rows(plane, start, stop, rows, float(factor), np.float32)
        out[start:stop] = _round(_columns(strip, columns, float(factor), np.float32)[:, :width])
    return out
