"""Random numbers that depend on what they are for, and on nothing that happened before.

A crop is drawn from (seed, epoch, picture) by hashing, so that any worker, any rank and any resumed run draws the same
one. The hash is the finaliser of SplitMix64 (Steele, Lea, Flood 2014), applied once per key; a whole batch costs a few
microseconds, where one counter-based generator a sample would cost ten times as much as the crop itself.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["bounded", "keys", "permutation", "words"]

Words = NDArray[np.uint64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MUL1 = np.uint64(0xBF58476D1CE4E5B9)
_MUL2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
_MASK = (1 << 64) - 1
_SHUFFLE = 0x5368_7566_666C_65


def _mix(x: Words) -> Words:
    x = (x ^ (x >> _S30)) * _MUL1
    x = (x ^ (x >> _S27)) * _MUL2
    return x ^ (x >> _S31)


def _absorb(state: Words, value: Words) -> Words:
    return _mix((state + _GAMMA) ^ value * _MUL1)


@lru_cache(maxsize=64)
def _seed_state(seed: int) -> Words:
    return _absorb(np.zeros(1, np.uint64), np.array([seed & _MASK], np.uint64))


def keys(seed: int, epoch: NDArray[np.int64], index: NDArray[np.int64]) -> Words:
    """One 64-bit key a sample.

    Args:
        seed: Any integer; its low 64 bits count.
        epoch: int64 ``[n]``, how often the set was gone through before.
        index: int64 ``[n]``, the picture's number in its set.

    Returns:
        uint64 ``[n]``.
    """
    return _absorb(_absorb(_seed_state(seed), epoch.astype(np.uint64)), index.astype(np.uint64))


def words(key: Words, count: int) -> Words:
    """``count`` independent words of every key, ``[count, n]``."""
    steps = np.arange(1, count + 1, dtype=np.uint64)[:, None] * _GAMMA
    return _mix(key[None] + steps)


def bounded(word: int, limit: int) -> int:
    """A number in ``[0, limit)`` from a 64-bit word; the bias is below ``limit / 2**32``."""
    return ((word >> 32) * limit) >> 32


@lru_cache(maxsize=16)
def permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The order of an epoch: 0 .. count-1 sorted by hash. Do not write to the result, it is shared.

    NumPy promises no stable stream for its own shuffle; this order is the same for every version.
    """
    index = np.arange(count, dtype=np.int64)
    key = keys(seed ^ _SHUFFLE, np.full(1, epoch, np.int64), index)
    order: NDArray[np.int64] = np.argsort(key, kind="stable").astype(np.int64)
    order.setflags(write=False)
    return order
