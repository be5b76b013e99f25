"""Superpixels in whole numbers: both ends of the codec cut the same picture into the same regions.

After SLIC (Achanta et al. 2012), on luma alone and without floats. docs/format/index.md specifies version 1 to the bit;
a change of any label is a new version.
"""

from __future__ import annotations

from math import isqrt

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.imaging.jit import njit

VERSION = 1
MAX_PIXELS = 1 << 22
"""Of the largest picture that can be cut: beyond, sums might no longer fit 64 bits."""
_ROUNDS = 6
# Levels of luma that weigh as much as one step between centres.
_TONE = 40
# Centres have four bits behind the point.
_POINT = 4


def slic(luma: NDArray[np.uint8], count: int) -> NDArray[np.int32]:
    """Cuts a picture into connected regions of similar luma and size.

    Args:
        luma: uint8 ``[h, w]``, at most `MAX_PIXELS`.
        count: About how many regions, from 1.

    Returns:
        Labels int32 ``[h, w]`` from 0, numbered in the order of their first pixels; at most about four times ``count``.

    Raises:
        ValueError: The picture is empty or too large, or the count not positive.
    """
    height, width = luma.shape
    if not 1 <= height * width <= MAX_PIXELS or count < 1:
        raise ValueError(f"slic takes 1 to {MAX_PIXELS} pixels and a positive count, not {luma.shape} and {count}")
    step = max(1, isqrt(height * width // count))
    rows, columns = ((side + step // 2) // step or 1 for side in (height, width))
    plane = np.ascontiguousarray(luma)
    labels = _cluster(plane, rows, columns, step)
    found: NDArray[np.int32] = _connect(labels, max(1, step * step // 4))
    return found


@njit(cache=True)
def _cluster(luma, rows, columns, step):  # type: ignore[no-untyped-def]
    """Nearest centre of each pixel after a fixed number of rounds; centres start in the middle of equal cells."""
    height, width = luma.shape
    count = rows * columns
    labels = np.empty((height, width), np.int32)
    for y in range(height):
        for x in range(width):
            labels[y, x] = (y * rows // height) * columns + x * columns // width
    centres = np.zeros((count, 3), np.int64)
    nearest = np.empty((height, width), np.int64)
    for _ in range(_ROUNDS):
        _move(luma, labels, centres)
        _assign(luma, labels, centres, nearest, step)
    return labels


@njit(cache=True)
def _move(luma, labels, centres):  # type: ignore[no-untyped-def]
    """Means of row, column and luma of each label's pixels, rounded down; a label without pixels keeps its own."""
    sums = np.zeros((centres.shape[0], 4), np.int64)
    for y in range(luma.shape[0]):
        for x in range(luma.shape[1]):
            label = labels[y, x]
            sums[label, 0] += y
            sums[label, 1] += x
            sums[label, 2] += np.int64(luma[y, x])
            sums[label, 3] += 1
    for label in range(centres.shape[0]):
        if sums[label, 3]:
            for axis in range(3):
                centres[label, axis] = (sums[label, axis] << _POINT) // sums[label, 3]


@njit(cache=True)
def _assign(luma, labels, centres, nearest, step):  # type: ignore[no-untyped-def]
    """Gives each pixel to the nearest of the centres within a step in both directions; first come, first served."""
    nearest[:] = np.int64(1) << 62
    for label in range(centres.shape[0]):
        row, column, tone = centres[label, 0], centres[label, 1], centres[label, 2]
        top, left = (row >> _POINT) - step, (column >> _POINT) - step
        for y in range(max(0, top), min(luma.shape[0], top + 2 * step + 1)):
            down = (np.int64(y) << _POINT) - row
            for x in range(max(0, left), min(luma.shape[1], left + 2 * step + 1)):
                across = (np.int64(x) << _POINT) - column
                apart = (np.int64(luma[y, x]) << _POINT) - tone
                distance = _TONE * _TONE * (down * down + across * across) + step * step * apart * apart
                if distance < nearest[y, x]:
                    nearest[y, x] = distance
                    labels[y, x] = label


@njit(cache=True)
def _connect(labels, least):  # type: ignore[no-untyped-def]
    """Numbers the 4-connected pieces in raster order; those of fewer pixels than ``least`` join the one before."""
    height, width = labels.shape
    found = np.full((height, width), -1, np.int32)
    stack = np.empty(height * width, np.int32)
    fresh = np.int32(0)
    for start in range(height * width):
        y, x = start // width, start % width
        if found[y, x] >= 0:
            continue
        before = found[y, x - 1] if x else (found[y - 1, x] if y else np.int32(-1))
        stack[0], head, size = start, 0, 1
        found[y, x] = fresh
        while head < size:
            here = stack[head]
            head += 1
            for way in range(4):
                row = here // width + (way == 2) - (way == 3)
                column = here % width + (way == 0) - (way == 1)
                inside = 0 <= row < height and 0 <= column < width
                if inside and found[row, column] < 0 and labels[row, column] == labels[y, x]:
                    found[row, column] = fresh
                    stack[size] = row * width + column
                    size += 1
        if size < least and before >= 0:
            for index in range(size):
                found[stack[index] // width, stack[index] % width] = before
        else:
            fresh += np.int32(1)
    return found
