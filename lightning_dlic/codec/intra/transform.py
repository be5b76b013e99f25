"""The residual: exact inverse transform of quantised levels, and the encoder's forward transform."""

# Compiled code is typed by Numba.
# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

from typing import Any

import numpy as np

from lightning_dlic.codec.intra.jit import inner, inner_fast
from lightning_dlic.codec.intra.syntax import log2, next_state
from lightning_dlic.codec.intra.tables import LIMIT, MATRIX, MATRIX_BITS, SCAN

# The transposed matrices too: inner loops then run over neighbours in memory.
FORWARD: Any = (MATRIX / 2.0**MATRIX_BITS).astype(np.float32)
FORWARD_T: Any = np.ascontiguousarray(FORWARD.transpose(0, 1, 3, 2))
_HALF = 1 << (MATRIX_BITS - 1)


@inner
def dequantise(levels, count, width, height, step, out):
    """Coefficients in sixteenths, into ``out[:height, :width]``, of ``count`` levels in scan order."""
    shape = 4 * (log2(height) - 2) + log2(width) - 2
    for y in range(height):
        for x in range(width):
            out[y, x] = 0
    state = np.int64(0)
    for place in range(count - 1, -1, -1):
        level = np.int64(levels[place])
        if level:
            value = 2 * level
            if state >= 2:
                value -= 1 if level > 0 else -1
            value = min(max(value * step, -LIMIT), LIMIT)
            out[SCAN[shape, place, 1], SCAN[shape, place, 0]] = value
        state = next_state(state, abs(level))


@inner
def inverse(kind, width, height, coefficients, room, out):
    """Adds what coefficients stand for to ``out[:height, :width]`` and clips to 8 bits; ``room`` is scratch."""
    tall, wide = log2(height), log2(width)
    for y in range(height):
        for x in range(width):
            room[y, x] = 0
    for k in range(height):
        for x in range(width):
            value = np.int64(coefficients[k, x])
            if value:
                for y in range(height):
                    room[y, x] += value * MATRIX[kind, tall, k, y]
    for y in range(height):
        for x in range(width):
            coefficients[y, x] = min(max((room[y, x] + _HALF) >> MATRIX_BITS, -LIMIT), LIMIT)
        for x in range(width):
            room[y, x] = 0
        for k in range(width):
            value = np.int64(coefficients[y, k])
            if value:
                for x in range(width):
                    room[y, x] += value * MATRIX[kind, wide, k, x]
        for x in range(width):
            total = (room[y, x] + (_HALF << 4)) >> (MATRIX_BITS + 4)
            out[y, x] = min(max(out[y, x] + total, 0), 255)


@inner_fast
def forward(kind, width, height, residual, room, out):
    """Coefficients of ``residual[:height, :width]``, float32, orthonormal."""
    tall, wide = log2(height), log2(width)
    for k in range(height):
        for x in range(width):
            room[k, x] = np.float32(0)
        for y in range(height):
            weight = FORWARD[kind, tall, k, y]
            for x in range(width):
                room[k, x] += weight * residual[y, x]
    for k in range(height):
        for x in range(width):
            out[k, x] = np.float32(0)
        for y in range(width):
            weight = room[k, y]
            for x in range(width):
                out[k, x] += weight * FORWARD_T[kind, wide, y, x]
