"""Regions of a picture as both ends see them: where they lie, how light they are, and in which order they are coded."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.imaging.jit import njit

U8 = NDArray[np.uint8]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
_GUIDE_PIXELS = 1 << 18
NEIGHBOURS = 8
_POINT = 4
# Squared distances: one step between regions, and so many levels of luma, are 64 each.
_UNIT, _TONE = 64, 12
_FLOOR = 16
_SURE = np.zeros(0, np.int64), np.zeros((1, 1, 1), np.int64)


@dataclass(frozen=True)
class Regions:
    """What both ends know of the regions, in the order in which they are coded.

    Attributes:
        labels: Number of each place's region in that order, int32 ``[h, w]``.
        neighbours: For each region, regions coded before it, nearest first; -1 where there are fewer.
            ``[n, NEIGHBOURS]``.
        weights: How much each of them counts, ``[n, NEIGHBOURS]``; 0 where there is none.
        distances: Squared distances to them, in 64ths of a step squared, ``[n, NEIGHBOURS]``.
        spacing: That to the nearest, ``[n]``.
        doubted: Where weights are learned, how far off each prediction may be, as a logarithm, ``[n]``, and the buckets
            that contexts are taken from; see `interpolation`. No doubts where distances alone decide.
    """

    labels: I32
    neighbours: I64
    weights: I64
    distances: I64
    spacing: I64
    doubted: tuple[I64, I64] = _SURE

    @property
    def count(self) -> int:
        """Number of regions."""
        return len(self.spacing)


def guide(luma: U8) -> U8:
    """The luma that regions are cut from: averaged over squares, so that work is bounded however large the picture.

    Args:
        luma: Decoded base layer, uint8 ``[h, w]``.

    Returns:
        uint8 ``[ceil(h / f), ceil(w / f)]`` with the least whole f that leaves at most 2^18 pixels.
    """
    return shrunk(luma, reduction(*luma.shape))


def shrunk(luma: U8, factor: int) -> U8:
    """Means over squares of ``factor`` pixels a side; those at the right and at the bottom may be smaller."""
    if factor == 1:
        return np.ascontiguousarray(luma)
    height, width = luma.shape
    rows, columns = np.arange(0, height, factor), np.arange(0, width, factor)
    sums = np.add.reduceat(np.add.reduceat(luma, rows, axis=0, dtype=np.int64), columns, axis=1)
    pixels = np.diff(np.append(rows, height))[:, None] * np.diff(np.append(columns, width))
    means: U8 = ((2 * sums + pixels) // (2 * pixels)).astype(np.uint8)
    return means


def reduction(height: int, width: int) -> int:
    """The factor of `guide`."""
    factor = 1
    while -(-height // factor) * -(-width // factor) > _GUIDE_PIXELS:
        factor += 1
    return factor


def arrange(luma: U8, labels: I32) -> Regions:
    """Orders regions from far apart to close by, and finds each one's neighbours among those before it.

    Args:
        luma: The guide, uint8 ``[h, w]``.
        labels: Region of each place, from 0 without gaps, int32 ``[h, w]``.
    """
    count = int(labels.max()) + 1
    step = max(1, isqrt((luma.size << 2 * _POINT) // count))
    order, neighbours, distances, spacing = _order(places(luma, labels, count)[:, :3].copy(), step)
    weights = (1 << 40) // np.minimum(distances + _FLOOR, 1 << 20) ** 2 * (neighbours >= 0)
    rank = np.empty(count, np.int32)
    rank[order] = np.arange(count, dtype=np.int32)
    return Regions(rank[labels], neighbours, weights, distances, spacing)


@njit(cache=True)
def places(luma, labels, count):  # type: ignore[no-untyped-def]
    """Where regions lie.

    Args:
        luma: The guide, uint8 ``[h, w]``.
        labels: int32 ``[h, w]``, below ``count``, none missing.
        count: Number of regions.

    Returns:
        Mean row, column and luma of each with four bits behind the point, its size, and the variance of its luma, all
        rounded down, int64 ``[count, 5]``.
    """
    sums = np.zeros((count, 5), np.int64)
    for y in range(luma.shape[0]):
        for x in range(luma.shape[1]):
            label = labels[y, x]
            sums[label, 0] += y
            sums[label, 1] += x
            sums[label, 2] += np.int64(luma[y, x])
            sums[label, 3] += 1
            sums[label, 4] += np.int64(luma[y, x]) ** 2
    for label in range(count):
        size, light = sums[label, 3], sums[label, 2]
        sums[label, 4] = (size * sums[label, 4] - light * light) // (size * size)
        for axis in range(3):
            sums[label, axis] = (sums[label, axis] << _POINT) // sums[label, 3]
    return sums


@njit(cache=True)
def _distance(places, a, b, step):  # type: ignore[no-untyped-def]
    down, across = places[a, 0] - places[b, 0], places[a, 1] - places[b, 1]
    tone = places[a, 2] - places[b, 2]
    near = (down * down + across * across) * _UNIT // (step * step)
    return near + tone * tone * _UNIT // ((_TONE << _POINT) * (_TONE << _POINT))


@njit(cache=True)
def _order(places, step):  # type: ignore[no-untyped-def]
    """Farthest first, the lower label where two are as far; begins with label 0."""
    count = places.shape[0]
    order, spacing = np.zeros(count, np.int64), np.zeros(count, np.int64)
    neighbours = np.full((count, NEIGHBOURS), -1, np.int64)
    distances = np.zeros((count, NEIGHBOURS), np.int64)
    nearest = np.full(count, np.int64(1) << 60)
    # By label: the nearest regions so far as (distance, place in the order), nearest first.
    reach = np.full((count, NEIGHBOURS), np.int64(1) << 60)
    which = np.full((count, NEIGHBOURS), -1, np.int64)
    pick = 0
    for rank in range(count):
        order[rank] = pick
        spacing[rank] = nearest[pick]
        for index in range(NEIGHBOURS):
            if which[pick, index] >= 0:
                neighbours[rank, index] = which[pick, index]
                distances[rank, index] = reach[pick, index]
        nearest[pick] = -1
        farthest = np.int64(-1)
        for other in range(count):
            if nearest[other] < 0:
                continue
            away = _distance(places, pick, other, step)
            nearest[other] = min(nearest[other], away)
            index = NEIGHBOURS
            while index > 0 and reach[other, index - 1] > away:
                index -= 1
            for move in range(NEIGHBOURS - 1, index, -1):
                reach[other, move], which[other, move] = reach[other, move - 1], which[other, move - 1]
            if index < NEIGHBOURS:
                reach[other, index], which[other, index] = away, rank
            if nearest[other] > farthest:
                farthest = nearest[other]
        for other in range(count):
            if nearest[other] == farthest and farthest >= 0:
                pick = other
                break
    return order, neighbours, distances, spacing
