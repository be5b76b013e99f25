"""A binary arithmetic coder with adaptive models: the same call writes, reads, or adds up what writing would cost."""

# Compiled code is typed by Numba.
# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.intra.jit import inner
from lightning_dlic.codec.intra.tables import ANCHORS, CONTEXTS, COST

WRITE, READ, COUNT, ESTIMATE = 0, 1, 2, 3
"""What `code_bit` does: write, read, add up costs and adapt, add up costs only."""
_DOES, _LOW, _RANGE, _CACHE, _PENDING, _AT, _CODE, _SPARE = range(8)
_TOP = 1 << 24


class Coder(NamedTuple):
    """An arithmetic coder's state, as arrays, so that compiled code can change it.

    Attributes:
        state: What it does, and its registers, int64 ``[8]``.
        data: The bytes read, or room for those written.
        models: Probability of a zero in 1/65536, adapting fast and slowly, and symbols seen: int32 ``[n, 3]``.
        bits: Costs so far, float64 ``[1]``.
    """

    state: NDArray[np.int64]
    data: NDArray[np.uint8]
    models: NDArray[np.int32]
    bits: NDArray[np.float64]


def writer(room: int, models: NDArray[np.int32]) -> Coder:
    """A coder that writes at most ``room`` bytes."""
    state = np.array([WRITE, 0, 0xFFFFFFFF, 0, 0, -1, 0, 0], np.int64)
    return Coder(state, np.zeros(room, np.uint8), models, np.zeros(1))


def reader(data: bytes, spare: int, models: NDArray[np.int32]) -> Coder:
    """A coder that reads; `ended` once it has read more than ``spare`` zeros behind the end of the data."""
    code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
    state = np.array([READ, 0, 0xFFFFFFFF, 0, 0, 4, code, spare + min(0, len(data) - 4)], np.int64)
    return Coder(state, np.frombuffer(data, np.uint8).copy(), models, np.zeros(1))


def counter(models: NDArray[np.int32]) -> Coder:
    """A coder that adds up costs, with models of its own that begin as those given."""
    state = np.array([COUNT, 0, 0xFFFFFFFF, 0, 0, 0, 0, 0], np.int64)
    return Coder(state, np.zeros(1, np.uint8), models.copy(), np.zeros(1))


@inner
def ended(coder):
    """Whether a reader has read too far behind the end of its data."""
    return coder.state[_SPARE] < 0


@inner
def _shift(state, data):
    low = state[_LOW]
    if low < 0xFF000000 or low > 0xFFFFFFFF:
        carry = low >> 32
        at = state[_AT]
        # The first byte is always zero and left out.
        if at >= 0:
            data[at] = (state[_CACHE] + carry) & 255
        at += 1
        for _ in range(state[_PENDING]):
            data[at] = (255 + carry) & 255
            at += 1
        state[_AT], state[_PENDING], state[_CACHE] = at, 0, (low >> 24) & 255
    else:
        state[_PENDING] += 1
    state[_LOW] = (low & 0xFFFFFF) << 8


@inner
def _renormalise(state, data):
    while state[_RANGE] < _TOP:
        state[_RANGE] <<= 8
        if state[_DOES] == WRITE:
            _shift(state, data)
        else:
            at = state[_AT]
            byte = np.int64(0)
            if at < data.size:
                byte = np.int64(data[at])
            else:
                state[_SPARE] -= 1
            state[_AT] = at + 1
            state[_CODE] = (state[_CODE] << 8 | byte) & 0xFFFFFFFF


@inner
def _pass(state, data, bound, bit):
    if state[_DOES] == READ:
        bit = np.int64(state[_CODE] >= bound)
    if bit:
        state[_RANGE] -= bound
        if state[_DOES] == READ:
            state[_CODE] -= bound
        else:
            state[_LOW] += bound
    else:
        state[_RANGE] = bound
    _renormalise(state, data)
    return bit


@inner
def probability(models, model):
    """Probability of a zero in 1/32768, never certain."""
    found = (np.int64(models[model, 0]) + models[model, 1]) >> 2
    return min(max(found, 24), 32768 - 24)


@inner
def code_bit(coder, model, bit):
    """Codes a bit by a model, which learns from it; returns the bit."""
    models, state = coder.models, coder.state
    zero = probability(models, model)
    if state[_DOES] >= COUNT:
        coder.bits[0] += COST[(32768 - zero if bit else zero) >> 5]
        if state[_DOES] == ESTIMATE:
            return bit
    else:
        bit = _pass(state, coder.data, (state[_RANGE] >> 15) * zero, bit)
    seen = np.int64(models[model, 2])
    target = 0 if bit else 65535
    fast = max(65536 // (seen + 2), 4096)
    slow = max(65536 // (seen + 2), 768)
    models[model, 0] += ((target - models[model, 0]) * fast) >> 16
    models[model, 1] += ((target - models[model, 1]) * slow) >> 16
    models[model, 2] = min(seen + 1, 255)
    return bit


@inner
def code_flat(coder, width, value):
    """Codes ``width`` bits that are as often one as zero, most significant first; returns the value."""
    state = coder.state
    if state[_DOES] >= COUNT:
        coder.bits[0] += width
        return value
    found = np.int64(0)
    for place in range(width - 1, -1, -1):
        found = found << 1 | _pass(state, coder.data, state[_RANGE] >> 1, (value >> place) & 1)
    return found


def fresh_models(sets: int) -> NDArray[np.int32]:
    """Models that know nothing: ``sets`` times as many as there are contexts."""
    return np.tile(np.array([32768, 32768, 0], np.int32), (sets * CONTEXTS, 1))


@inner
def finish(coder, spare):
    """Ends a writer with as few bytes as say what was written; returns their number.

    Zeros at the end are left out, at most ``spare`` of them.
    """
    state, data = coder.state, coder.data
    low, top = state[_LOW], state[_LOW] + state[_RANGE]
    zeros = 32
    while ((low + (1 << zeros) - 1) >> zeros) << zeros >= top:
        zeros -= 1
    state[_LOW] = ((low + (1 << zeros) - 1) >> zeros) << zeros
    for _ in range(5):
        _shift(state, data)
    whole = state[_AT]
    size = whole
    while size > 0 and size > whole - spare and data[size - 1] == 0:
        size -= 1
    return size


def started_models(quality: int, start: NDArray[np.int32]) -> NDArray[np.int32]:
    """Models as a plane of one kind begins with them.

    Args:
        quality: Step.
        start: By anchor and context, probability of a zero in 1/256 and its worth: ``[3, n, 2]``.
    """
    low = 0 if quality < ANCHORS[1] else 1
    width = ANCHORS[low + 1] - ANCHORS[low]
    part = min(max(quality - ANCHORS[low], 0), width)
    mixed = (start[low] * (width - part) + start[low + 1] * part).astype(np.int64)
    models = np.zeros((CONTEXTS, 3), np.int32)
    models[:, 0] = models[:, 1] = mixed[:, 0] * 256 // width
    models[:, 2] = mixed[:, 1] // width
    return models
