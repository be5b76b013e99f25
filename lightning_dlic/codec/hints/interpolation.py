"""How far each region takes after those coded before it: learned, and computed in whole numbers alone.

Without networks a region's colour is predicted by the distances of its neighbours. A small network does better: from
where regions lie, how light and how even they are, it says what each neighbour counts, and how far off the prediction
may be. Sums of products of whole numbers stay below 2^53 and are exact in double precision, in any order, on every
machine. `benchmarks/hint_interpolation.py` trains it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.hints.regions import NEIGHBOURS, U8, Regions, places

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
FILE = "interpolation.safetensors"
POINT = 6
"""Features, and exponents of neighbours' weights, are whole numbers of 1/64."""
FACTS, EACH = 6, 8
"""Features of a region, and of each of its neighbours."""
AWAY = 4
"""Which feature of a neighbour is half the logarithm of its distance: untrained, it alone decides."""
SHIFT = 8
"""Weights of the network are whole numbers of 1/256."""
BINS = (12, 6, 3)
"""Classes of doubt, of how the neighbours differ, and of how many of them had differences: see `syntax.doubted`."""
_ONE, _MOST, _ACTIVE = 1 << POINT, 8 << POINT, 32767
_RANGE = 16 << POINT
_STOPS = 8


@dataclass(frozen=True)
class Interpolation:
    """The network, and what the context models of its predictions begin with.

    Attributes:
        layers: Weights ``[inputs, outputs]`` in 1/256 and biases ``[outputs]`` in 1/16384 of each layer, all whole.
        buckets: Context of "some difference" by `BINS`, int64.
        start: Probability of a zero in 1/65536 and symbols that it is worth of each model, int64 ``[n, 2]``.
    """

    layers: tuple[tuple[F64, F64], ...]
    buckets: I64
    start: I64

    def apply(self, luma: U8, regions: Regions) -> Regions:
        """The regions with weights and doubts as the network has them.

        Args:
            luma: The guide, uint8 ``[h, w]``.
            regions: As `arrange` gives them.
        """
        facts, each = features(luma, regions)
        x = np.concatenate((facts, each.reshape(len(each), -1)), axis=1).astype(np.float64)
        for number, (weight, bias) in enumerate(self.layers):
            x = np.floor((x @ weight + bias) / (1 << SHIFT))
            if number < len(self.layers) - 1:
                x = np.clip(x, 0, _ACTIVE)
        out = x.astype(np.int64)
        known = regions.neighbours >= 0
        exponents = np.where(known, out[:, :NEIGHBOURS] - 4 * each[:, :, AWAY], np.iinfo(np.int32).min)
        exponents = np.maximum(exponents - exponents.max(1, keepdims=True) + _RANGE, 0)
        doubts = np.clip(out[:, NEIGHBOURS], -_MOST, _MOST)
        return replace(regions, weights=power(exponents) * known, doubted=(doubts, self.buckets))


def logarithm(x: I64) -> I64:
    """Base 2, in 1/64, of whole numbers from 1 to 2^52, straight between powers of 2."""
    exponent = np.frexp(x.astype(np.float64))[1].astype(np.int64) - 1
    return (exponent << POINT) + (x << POINT >> exponent) - _ONE


def power(x: I64) -> I64:
    """64 times 2 to the power of x in 1/64, x from 0, straight between whole powers."""
    return (_ONE + (x & _ONE - 1)) << (x >> POINT)


def features(luma: U8, regions: Regions) -> tuple[I64, I64]:
    """What the network sees.

    Args:
        luma: The guide, uint8 ``[h, w]``.
        regions: As `arrange` gives them.

    Returns:
        Features of regions ``[n, FACTS]`` and of their neighbours ``[n, NEIGHBOURS, EACH]``, 0 where there is none, in
        1/64, at most 8 either way.
    """
    where = places(luma, regions.labels, regions.count)
    unit = max(1, isqrt((luma.size << 8) // regions.count))
    uneven = logarithm(where[:, 4] + 1) // 2
    spacing = logarithm(np.clip(regions.spacing, 1, 1 << 20)) // 2
    size = logarithm(np.maximum(1, (where[:, 3] * regions.count << 8) // luma.size)) - (8 << POINT)
    side = np.full(regions.count, logarithm(np.array([unit]))[0] // 2)
    height, light = 8 * where[:, 0] // luma.shape[0] - _ONE, where[:, 2] // 32 - _ONE
    facts = np.stack((height, light, uneven, spacing, side, size), axis=1)
    known = regions.neighbours >= 0
    other = np.where(known, regions.neighbours, 0)
    down, across, tone = (where[other, axis] - where[:, None, axis] for axis in range(3))
    tone = tone // 8
    away = logarithm(regions.distances + 16) // 2
    way = _between(where, regions.labels, other)
    place = _ONE * down // unit, _ONE * across // unit
    each = np.stack((*place, tone, abs(tone), away, way, uneven[other], spacing[other]), axis=2)
    return np.clip(facts, -_MOST, _MOST), np.clip(each, -_MOST, _MOST) * known[..., None]


def _between(where: I64, labels: NDArray[np.int32], other: I64) -> I64:
    """Half the logarithm of how far luma goes up and down on the way to each neighbour, from region to region."""
    start, end = where[:, None, :2], where[other][:, :, :2]
    light = [np.broadcast_to(where[:, None, 2], other.shape)]
    for stop in range(1, _STOPS + 1):
        at = (start + (end - start) * stop // (_STOPS + 1)) >> 4
        light.append(where[labels[at[..., 0], at[..., 1]], 2])
    light.append(where[other, 2])
    way = np.abs(np.diff(np.stack(light), axis=0)).sum(0)
    return logarithm(way + 16) // 2


@cache
def interpolation() -> Interpolation:
    """The one that ships."""
    from safetensors.numpy import load

    held = load(resources.files("lightning_dlic.codec.hints").joinpath(FILE).read_bytes())
    layers = [(held[f"{n}.weight"].astype(np.float64), held[f"{n}.bias"].astype(np.float64)) for n in range(3)]
    return Interpolation(tuple(layers), held["buckets"].astype(np.int64), held["start"].astype(np.int64))
