"""A binary range coder with adaptive models, whose end costs at most two bytes.

Hints are a hundred bytes: `constriction`'s coders write words of 32 bits and would waste three of every hundred, and
its calls a symbol are slower than compiled ones. The same call writes, reads, or adds up what writing would cost.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.imaging.jit import njit

WRITE, READ, COUNT = 0, 1, 2
_DOES, _LOW, _RANGE, _CODE, _AT, _PENDING, _CACHE = range(7)
_TOP = 1 << 24
_FULL = (1 << 32) - 1
SPARE = 4
"""Zero bytes that a reader may read behind the end."""
COST = np.array([-math.log2(max(1, p) / 4096) for p in range(4097)])
"""Bits that an event of probability p / 4096 costs; for the encoder's decisions only."""


class Coder(NamedTuple):
    """A range coder's state, as arrays, so that compiled code can change it.

    Attributes:
        state: What it does and its registers, int64 ``[7]``.
        data: The bytes read, or room for those written.
        models: Probability of a zero in 1/65536 and symbols seen, int64 ``[n, 2]``.
        bits: What was coded costs so much, float64 ``[1]``.
    """

    state: NDArray[np.int64]
    data: NDArray[np.uint8]
    models: NDArray[np.int64]
    bits: NDArray[np.float64]


def counter(models: NDArray[np.int64]) -> Coder:
    """A coder that writes nothing and adds up costs."""
    return _coder(COUNT, np.zeros(0, np.uint8), models)


def writer(room: int, models: NDArray[np.int64]) -> Coder:
    """A coder that writes at most ``room`` bytes."""
    return _coder(WRITE, np.zeros(room + 8, np.uint8), models)


def reader(data: bytes, models: NDArray[np.int64]) -> Coder:
    """A coder that reads; behind the end it reads zeros, and `overrun` says whether those were too many."""
    coder = _coder(READ, np.frombuffer(data, np.uint8).copy(), models)
    coder.state[_CODE] = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
    coder.state[_AT] = 4
    return coder


def overrun(coder: Coder) -> bool:
    """Whether a reader has read more than `SPARE` zeros behind the end."""
    return int(coder.state[_AT]) > coder.data.size + SPARE


def read_all(coder: Coder) -> bool:
    """Whether a reader has reached the end of its data."""
    return int(coder.state[_AT]) >= coder.data.size


def finish(coder: Coder) -> bytes:
    """Ends a writer: the fewest bytes that say what was written, without up to `SPARE` zeros at the end."""
    state = coder.state
    low, top = int(state[_LOW]), int(state[_LOW] + state[_RANGE])
    value = next(v for z in range(32, -1, -1) if (v := (low + (1 << z) - 1) >> z << z) < top)
    state[_LOW] = value
    for _ in range(5):
        _shift(state, coder.data)
    whole = coder.data[: int(state[_AT])].tobytes()
    return whole.rstrip(b"\0").ljust(len(whole) - SPARE, b"\0")


def _coder(does: int, data: NDArray[np.uint8], models: NDArray[np.int64]) -> Coder:
    # The first byte that a carry could reach is always zero and left out: _AT begins at -1.
    return Coder(np.array([does, 0, _FULL, 0, -1, 0, 0], np.int64), data, models.copy(), np.zeros(1))


@njit(cache=True)
def _shift(state, data):  # type: ignore[no-untyped-def]
    low = state[_LOW]
    if low < 0xFF000000 or low > _FULL:
        carry, at = low >> 32, state[_AT]
        for index in range(state[_PENDING] + 1):
            byte = state[_CACHE] if index == 0 else 255
            if 0 <= at < data.size:
                data[at] = (byte + carry) & 255
            at += 1
        state[_AT], state[_PENDING], state[_CACHE] = at, 0, (low >> 24) & 255
    else:
        state[_PENDING] += 1
    state[_LOW] = (low & 0xFFFFFF) << 8


@njit(cache=True)
def _split(state, data, bound, bit):  # type: ignore[no-untyped-def]
    reads = state[_DOES] == READ
    if reads:
        bit = np.int64(state[_CODE] >= bound)
    if bit:
        state[_RANGE] -= bound
        if reads:
            state[_CODE] -= bound
        else:
            state[_LOW] += bound
    else:
        state[_RANGE] = bound
    while state[_RANGE] < _TOP:
        state[_RANGE] <<= 8
        if reads:
            at = state[_AT]
            byte = np.int64(data[at]) if at < data.size else np.int64(0)
            state[_CODE] = (state[_CODE] << 8 | byte) & _FULL
            state[_AT] = at + 1
        else:
            _shift(state, data)
    return bit


@njit(cache=True)
def bit_cost(models, model, bit):  # type: ignore[no-untyped-def]
    """Bits that coding ``bit`` by a model would cost now."""
    zero = min(max(models[model, 0] >> 4, 24), 4096 - 24)
    return COST[4096 - zero if bit else zero]


@njit(cache=True)
def code_bit(coder, model, bit):  # type: ignore[no-untyped-def]
    """Codes a bit by a model, which learns from it; returns the bit."""
    models, state = coder.models, coder.state
    zero = min(max(models[model, 0] >> 4, 24), 4096 - 24)
    if state[_DOES] == COUNT:
        coder.bits[0] += COST[4096 - zero if bit else zero]
    else:
        bit = _split(state, coder.data, (state[_RANGE] >> 12) * zero, bit)
    seen = models[model, 1]
    target = np.int64(0) if bit else np.int64(65535)
    models[model, 0] += (target - models[model, 0]) // (seen + 2)
    models[model, 1] = min(seen + 1, 60)
    return bit
