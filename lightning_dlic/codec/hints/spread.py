"""Colours of regions to planes of chroma without a network: a guided filter (He, Sun, Tang 2010) in NumPy.

Works at the regions' own resolution, and enlarges the slopes and offsets of its lines: memory and time are bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.imaging.jit import njit

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
_RADIUS, _EPSILON = 0.5, 1e-3 * 255**2
_STRIP = 1 << 19


@dataclass
class Spread:
    """Smooths maps that are flat in each region, along the edges of the guide.

    Attributes:
        guide: Luma that the regions were cut from, uint8 ``[h, w]``.
        regions: How many there are: the filter's radius is half of their usual side.
    """

    guide: U8
    regions: int
    _light: F32 = field(init=False, repr=False)
    _mean: F32 = field(init=False, repr=False)
    _gain: F32 = field(init=False, repr=False)
    _radius: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._light = self.guide.astype(np.float32) - 128
        self._radius = max(1, round(_RADIUS * (self.guide.size / self.regions) ** 0.5))
        self._mean = _mean(self._light, self._radius)
        variance = _mean(self._light * self._light, self._radius) - self._mean**2
        self._gain = 1 / (np.maximum(variance, 0) + np.float32(_EPSILON))

    def lines(self, flat: F32) -> tuple[F32, F32]:
        """Slope and offset, over luma - 128, of a map ``[h, w]``."""
        mean = _mean(flat, self._radius)
        slope = (_mean(self._light * flat, self._radius) - self._mean * mean) * self._gain
        return _mean(slope, self._radius), _mean(mean - slope * self._mean, self._radius)

    def __call__(self, flat: F32) -> F32:
        """The map, smoothed, at the guide's size."""
        slope, offset = self.lines(flat)
        return slope * self._light + offset


def under(lines: tuple[F32, F32], luma: U8, first: int, factors: tuple[float, float]) -> U8:
    """What lines make of some rows of a larger luma.

    Args:
        lines: Slope and offset, each ``[h, w]``.
        luma: uint8 ``[rows, W]``, of at most ``factors`` times the lines' sides.
        first: Which row of the whole luma its first is.
        factors: Pixels of it for one of the lines, down and across.

    Returns:
        Chroma centred at 128, uint8 ``[rows, W]``.
    """
    width, out = luma.shape[1], np.empty(luma.shape, np.uint8)
    for rows in _strips(*luma.shape):
        place = np.arange(first + rows.start, first + rows.stop)
        slope, offset = (bilinear(line, place, width, factors) for line in lines)
        found = slope * (luma[rows].astype(np.float32) - 128) + offset + np.float32(128.5)
        out[rows] = np.clip(np.floor(found), 0, 255).astype(np.uint8)
    return out


def _strips(height: int, width: int) -> Iterator[slice]:
    step = max(1, _STRIP // width)
    return (slice(start, min(height, start + step)) for start in range(0, height, step))


def bilinear(plane: F32, rows: NDArray[np.int64], width: int, factors: tuple[float, float]) -> F32:
    """Some rows of a plane at another size, its samples in the middle of the pixels that they stand for.

    Args:
        plane: ``[h, w]``.
        rows: Which.
        width: Columns to keep.
        factors: Pixels for a sample, down and across.

    Returns:
        ``[rows, width]``.
    """
    if factors == (1.0, 1.0):
        return plane[rows, :width]
    down, low, high = _between(rows, factors[0], plane.shape[0])
    strip = plane[low] + (plane[high] - plane[low]) * down[:, None]
    across, left, right = _between(np.arange(width), factors[1], plane.shape[1])
    return strip[:, left] + (strip[:, right] - strip[:, left]) * across


def _between(place: NDArray[np.int64], factor: float, size: int) -> tuple[F32, NDArray[np.int64], NDArray[np.int64]]:
    at = np.clip((place + 0.5) / factor - 0.5, 0, size - 1)
    low = np.floor(at).astype(np.int64)
    return (at - low).astype(np.float32), low, np.minimum(low + 1, size - 1)


def _mean(plane: F32, radius: int) -> F32:
    """Means over squares of ``2 * radius + 1`` pixels, cut off at the borders."""
    columns: F32 = _mean_down(np.ascontiguousarray(plane), radius)
    return np.ascontiguousarray(_mean_down(np.ascontiguousarray(columns.T), radius).T)


@njit(cache=True)
def _mean_down(plane, radius):  # type: ignore[no-untyped-def]
    """Means along columns."""
    height, width = plane.shape
    # In double precision: a running sum over a whole column loses digits.
    sums = np.zeros((height + 1, width), np.float64)
    for y in range(height):
        for x in range(width):
            sums[y + 1, x] = sums[y, x] + plane[y, x]
    out = np.empty((height, width), np.float32)
    for y in range(height):
        low, high = max(0, y - radius), min(height, y + radius + 1)
        for x in range(width):
            out[y, x] = (sums[high, x] - sums[low, x]) / (high - low)
    return out
