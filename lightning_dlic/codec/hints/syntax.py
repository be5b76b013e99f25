"""The colours of regions as bits: each predicted from those of regions coded before, the difference coded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.hints.coder import bit_cost, code_bit
from lightning_dlic.imaging.jit import njit

POINT = 4
"""Colours are whole numbers of 1/16 levels."""
_LIMIT = 128 << POINT
_ESCAPE = 14
# Models: both differences zero (4 spacings x 3 activities); Cb zero; Cr zero; signs; magnitudes; Exp-Golomb; branches.
_ZERO, _CB, _CR, _SIGN_CB, _SIGN_CR, _SIZE, _LONG = 0, 12, 13, 14, 15, 18, 18 + 2 * _ESCAPE
_BRANCH, _INDEX = _LONG + 16, _LONG + 17
MAX_BRANCHES = 16
# Where predictions are learned: both differences zero, by bucket of doubt; those from `_CB` to `_LONG`, by group.
_DOUBTED = _INDEX + MAX_BRANCHES
BUCKETS, _GROUPS = 16, 4
_GROUPED = _DOUBTED + BUCKETS
MODELS = _GROUPED + _GROUPS * (_LONG - _CB)


def fresh() -> NDArray[np.int64]:
    """Models that know nothing, int64 ``[MODELS, 2]``."""
    models = np.empty((MODELS, 2), np.int64)
    models[:] = 32768, 2
    return models


@njit(cache=True)
def predict(colors, neighbours, weights, rank, out):  # type: ignore[no-untyped-def]
    """Weighted mean of the neighbours' colours, to the nearest 1/16 level; grey where there are none."""
    total, blue, red = np.int64(0), np.int64(0), np.int64(0)
    for index in range(neighbours.shape[1]):
        other = neighbours[rank, index]
        if other >= 0:
            weight = weights[rank, index]
            total += weight
            blue += weight * colors[other, 0]
            red += weight * colors[other, 1]
    out[0] = (2 * blue + total) // (2 * total) if total else 0
    out[1] = (2 * red + total) // (2 * total) if total else 0


@njit(cache=True)
def context(signals, neighbours, spacing, rank):  # type: ignore[no-untyped-def]
    """Model of "both differences are zero": how far the nearest region is, how many of the three nearest had some."""
    away = spacing[rank]
    far = 0 if away < 48 else (1 if away < 160 else (2 if away < 640 else 3))
    active = 0
    for index in range(3):
        other = neighbours[rank, index]
        if other >= 0 and (signals[other, 0] != 0 or signals[other, 1] != 0):
            active += 1
    return _ZERO + 3 * far + min(2, active)


@njit(cache=True)
def _logarithm(x):  # type: ignore[no-untyped-def]
    """`interpolation.logarithm` of one number."""
    exponent = np.int64(0)
    while x >> exponent + 1:
        exponent += 1
    return (exponent << 6) + ((x << 6) >> exponent) - 64


@njit(cache=True)
def doubted(buckets, doubts, colors, signals, neighbours, weights, rank, guess, step):  # type: ignore[no-untyped-def]
    """Bucket of a learned prediction: how far off it may be by itself, and by what is known of the neighbours."""
    total, apart, active = np.int64(0), np.int64(0), np.int64(0)
    for index in range(neighbours.shape[1]):
        other = neighbours[rank, index]
        if other >= 0:
            weight = weights[rank, index]
            total += weight
            apart += weight * (abs(colors[other, 0] - guess[0]) + abs(colors[other, 1] - guess[1]))
            if signals[other, 0] != 0 or signals[other, 1] != 0:
                active += weight
    if not total:
        return np.int64(buckets[buckets.shape[0] - 1, buckets.shape[1] - 1, buckets.shape[2] - 1])
    unit = _logarithm(np.int64(step))
    own = (doubts[rank] - unit + 256) >> 5
    others = (_logarithm(apart // total + 8) - unit + 64) >> 6
    share = (active << 6) // total
    some = 0 if share < 16 else (1 if share < 40 else 2)
    own = min(max(own, 0), buckets.shape[0] - 1)
    others = min(max(others, 0), buckets.shape[1] - 1)
    return np.int64(buckets[own, others, some])


@njit(cache=True)
def bucket_models(bucket):  # type: ignore[no-untyped-def]
    """Model of "both differences are zero", and how far from the usual ones the others lie."""
    return _DOUBTED + bucket, _GROUPED - _CB + (bucket * _GROUPS // BUCKETS) * (_LONG - _CB)


@njit(cache=True)
def _code_size(coder, first, value):  # type: ignore[no-untyped-def]
    """A number from 0: unary with a model a place, Exp-Golomb from `_ESCAPE` on."""
    size = np.int64(0)
    while size < _ESCAPE:
        if not code_bit(coder, first + size, np.int64(value > size)):
            return size
        size += 1
    rest, zeros = value - _ESCAPE + 1, np.int64(0)
    while zeros < 7 and code_bit(coder, _LONG + zeros, np.int64((rest >> (zeros + 1)) > 0)):
        zeros += 1
    found = np.int64(1)
    for place in range(zeros - 1, -1, -1):
        found = found << 1 | code_bit(coder, _LONG + 8 + place, (rest >> place) & 1)
    return found - 1 + _ESCAPE


@njit(cache=True)
def code_difference(coder, zero, shift, signal):  # type: ignore[no-untyped-def]
    """Codes a region's two differences, in steps; ``signal`` holds them afterwards."""
    blue, red = signal[0], signal[1]
    if not code_bit(coder, zero, np.int64(blue != 0 or red != 0)):
        signal[0], signal[1] = 0, 0
        return
    side = 1
    if code_bit(coder, _CB + shift, np.int64(blue != 0)):
        negative = code_bit(coder, _SIGN_CB + shift, np.int64(blue < 0))
        size = _code_size(coder, _SIZE + shift, abs(blue) - 1) + 1
        signal[0] = -size if negative else size
        side = 2 if negative else 0
        some = code_bit(coder, _CR + shift, np.int64(red != 0))
    else:
        signal[0] = 0
        some = np.int64(1)
    signal[1] = 0
    if some:
        negative = code_bit(coder, _SIGN_CR + shift + side, np.int64(red < 0))
        size = _code_size(coder, _SIZE + shift + _ESCAPE, abs(red) - 1) + 1
        signal[1] = -size if negative else size


@njit(cache=True)
def code_branch(coder, branches, named, rank):  # type: ignore[no-untyped-def]
    """Codes whether a region names a branch, and which; returns whether."""
    if not code_bit(coder, _BRANCH, np.int64(named[rank] >= 0)):
        named[rank] = -1
        return False
    found = np.int64(0)
    while found < branches - 1 and code_bit(coder, _INDEX + found, np.int64(named[rank] > found)):
        found += 1
    named[rank] = found
    return True


@njit(cache=True)
def _size_cost(models, first, value):  # type: ignore[no-untyped-def]
    bits = 0.0
    for place in range(min(value, _ESCAPE)):
        bits += bit_cost(models, first + place, 1)
    if value < _ESCAPE:
        return bits + bit_cost(models, first + value, 0)
    return bits + 2.0 * np.log2(value - _ESCAPE + 1.0) + 1.0


@njit(cache=True)
def difference_cost(models, zero, shift, blue, red):  # type: ignore[no-untyped-def]
    """Bits that `code_difference` would take."""
    if blue == 0 and red == 0:
        return bit_cost(models, zero, 0)
    bits = bit_cost(models, zero, 1) + bit_cost(models, _CB + shift, blue != 0)
    side = 1
    if blue != 0:
        bits += bit_cost(models, _SIGN_CB + shift, blue < 0) + _size_cost(models, _SIZE + shift, abs(blue) - 1)
        side = 2 if blue < 0 else 0
        bits += bit_cost(models, _CR + shift, red != 0)
    if red != 0:
        bits += bit_cost(models, _SIGN_CR + shift + side, red < 0)
        bits += _size_cost(models, _SIZE + shift + _ESCAPE, abs(red) - 1)
    return bits


@njit(cache=True)
def apply(colors, rank, guess, signal, step):  # type: ignore[no-untyped-def]
    """The colour of a region: prediction and difference, kept in range."""
    for plane in range(2):
        value = guess[plane] + (signal[plane] * step << POINT)
        colors[rank, plane] = min(max(value, -_LIMIT), _LIMIT)
