"""What a block says, element by element. Writer, reader and cost estimate are one definition."""

# Compiled code is typed by Numba.
# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.intra.arithmetic import code_bit, code_flat
from lightning_dlic.codec.intra.jit import inner
from lightning_dlic.codec.intra.tables import (
    ABOVE_1,
    ABOVE_2,
    CODED,
    DIRECTION,
    DOUBTS,
    HALVINGS,
    KIND,
    LAST_X,
    LAST_Y,
    MAX_LEVEL,
    NEAR,
    NET,
    QUAD,
    SCAN,
    SIGNIFICANT,
    SPLIT,
)


class Plane(NamedTuple):
    """A plane on its way.

    Attributes:
        pixels: Decoded samples, int32 ``[H, W]``, both multiples of 4.
        maps: uint8 ``[5, H / 4, W / 4]``: what is decoded, prediction mode, log2 of the block's height and of its
            width, whether it has coefficients.
    """

    pixels: NDArray[np.int32]
    maps: NDArray[np.uint8]


DONE, MODE, HEIGHT, WIDTH, HAS_LEVELS = range(5)


def new_plane(height: int, width: int) -> Plane:
    """An empty plane for a picture of any size."""
    rows, columns = -(-height // 4), -(-width // 4)
    return Plane(np.zeros((4 * rows, 4 * columns), np.int32), np.zeros((5, rows, columns), np.uint8))


@inner
def log2(side):
    """Of 4, 8, 16 or 32."""
    return 2 if side == 4 else 3 if side == 8 else 4 if side == 16 else 5


@inner
def mark(plane, x, y, width, height, mode, coded):
    """Enters a block in the maps."""
    for row in range(y >> 2, (y + height) >> 2):
        for column in range(x >> 2, (x + width) >> 2):
            plane.maps[DONE, row, column] = 1
            plane.maps[MODE, row, column] = mode
            plane.maps[HEIGHT, row, column] = log2(height)
            plane.maps[WIDTH, row, column] = log2(width)
            plane.maps[HAS_LEVELS, row, column] = coded


@inner
def code_split(coder, plane, x, y, width, height, halvings, choice):
    """0: no split; 1: into four; 2: into an upper and a lower half; 3: into a left and a right one."""
    quad = halvings == 0 and width == height and width > 4
    over, beside = halvings < HALVINGS and height > 4, halvings < HALVINGS and width > 4
    if not (quad or over or beside):
        return np.int64(0)
    smaller = 0
    if x > 0 and plane.maps[HEIGHT, y >> 2, (x - 1) >> 2] < log2(height):
        smaller += 1
    if y > 0 and plane.maps[WIDTH, (y - 1) >> 2, x >> 2] < log2(width):
        smaller += 1
    if not code_bit(coder, SPLIT + 3 * (log2(width) + log2(height) - 5) + smaller, np.int64(choice > 0)):
        return np.int64(0)
    if quad and code_bit(coder, QUAD + log2(width) - 3, np.int64(choice == 1)):
        return np.int64(1)
    if over and beside:
        shape = 0 if width == height else 1 if width > height else 2
        return 2 + code_bit(coder, DIRECTION + shape, np.int64(choice == 3))
    return np.int64(2 if over else 3)


@inner
def last_models(side):
    """First of the models of a last coordinate, and how many bins share one as a shift."""
    bits = log2(side)
    return 0 if bits == 2 else 3 if bits == 3 else 7 if bits == 4 else 12, (bits + 1) >> 2


@inner
def last_group(value):
    """Group of a last coordinate: 0 ... 3, 4-5, 6-7, 8-11, 12-15, 16-23, 24-31."""
    if value < 4:
        return value
    bits = log2_floor(value)
    return 2 * bits + ((value >> (bits - 1)) & 1)


@inner
def _code_last(coder, base, side, value):
    """A coordinate of the last coefficient: a unary group, then its place in the group."""
    first, shift = last_models(side)
    group, most = last_group(value), 2 * log2(side) - 1
    found = 0
    while found < most and code_bit(coder, base + first + (found >> shift), np.int64(group > found)):
        found += 1
    if found < 4:
        return found
    extra = (found >> 1) - 1
    start = (2 | (found & 1)) << extra
    return start + code_flat(coder, extra, value - start)


@inner
def log2_floor(value):
    """Of a positive number."""
    found = 0
    while value > 1:
        value >>= 1
        found += 1
    return found


@inner
def significance_model(place_sum, state, capped):
    """Model of whether a coefficient is not zero, by its column + row, the quantiser and its neighbours."""
    area = 2 if place_sum < 2 else 1 if place_sum < 5 else 0
    return SIGNIFICANT + 12 * max(0, state - 1) + 4 * area + min((capped + 1) >> 1, 3)


@inner
def size_model(place_sum, last, capped, count):
    """Offset of the models of whether a level is above 1, and above 2."""
    if last:
        return 0
    area = 3 if place_sum == 0 else 2 if place_sum < 3 else 1 if place_sum < 10 else 0
    return 1 + 5 * area + min(capped - count, 4)


@inner
def rice(total):
    """Parameter of the Golomb code by the sum of the neighbours' levels."""
    return 0 if total < 12 else 1 if total < 25 else 2 if total < 50 else 3 if total < 100 else 4


@inner
def _code_rest(coder, parameter, value):
    """Golomb-Rice up to five groups, Exp-Golomb beyond; never more than the largest level."""
    group = 0
    while group < 5 and code_flat(coder, np.int64(1), np.int64(value >> parameter > group)):
        group += 1
    if group < 5:
        return group << parameter | code_flat(coder, parameter, value & ((1 << parameter) - 1))
    value -= 5 << parameter
    width = parameter
    start = 0
    while width < 14 and code_flat(coder, np.int64(1), np.int64(value >= start + (1 << width))):
        start += 1 << width
        width += 1
    return min((5 << parameter) + start + code_flat(coder, width, value - start), MAX_LEVEL)


@inner
def next_state(state, level):
    """State of the quantiser behind a level: 0 and 1 use even multiples of the step, 2 and 3 odd ones and zero."""
    # Rows 0/2, 2/0, 1/3, 3/1 by parity, two bits each.
    return (0b01_11_11_01_00_10_10_00 >> (4 * state + 2 * (level & 1))) & 3


@inner
def code_levels(coder, width, height, count, levels):
    """Levels in scan order, the last of ``count`` not zero; returns the count. Places behind it are set to 0."""
    shape = 4 * (log2(height) - 2) + log2(width) - 2
    last_x = _code_last(coder, np.int64(LAST_X), width, np.int64(SCAN[shape, count - 1, 0]))
    last_y = _code_last(coder, np.int64(LAST_Y), height, np.int64(SCAN[shape, count - 1, 1]))
    last = count - 1
    if SCAN[shape, last, 0] != last_x or SCAN[shape, last, 1] != last_y:
        last = 0
        while SCAN[shape, last, 0] != last_x or SCAN[shape, last, 1] != last_y:
            last += 1
    for place in range(last + 1, levels.size):
        levels[place] = 0
    state = np.int64(0)
    for place in range(last, -1, -1):
        capped = total = found = np.int64(0)
        for near in range(5):
            level = abs(np.int64(levels[NEAR[shape, place, near]]))
            total += level
            capped += min(level, 4)
            found += level > 0
        value = np.int64(levels[place])
        size = abs(value)
        place_sum = np.int64(SCAN[shape, place, 0]) + SCAN[shape, place, 1]
        if place != last and not code_bit(coder, significance_model(place_sum, state, capped), np.int64(size > 0)):
            levels[place] = 0
            state = next_state(state, np.int64(0))
            continue
        model = size_model(place_sum, place == last, capped, found)
        coded = np.int64(1)
        if code_bit(coder, ABOVE_1 + model, np.int64(size > 1)):
            coded = 2
            if code_bit(coder, ABOVE_2 + model, np.int64(size > 2)):
                coded = 3 + _code_rest(coder, rice(total), size - 3)
        levels[place] = -coded if code_flat(coder, np.int64(1), np.int64(value < 0)) else coded
        state = next_state(state, coded)
    return last + 1


@inner
def doubt(guess, rivals, count, width, height, step):
    """Class of how far a prediction is from the second nearest of ``count`` that a network makes of one view, 1 to 6.

    They part where the context leaves open what comes: there a residual is likely. 0 where there is no network.
    """
    if count == 0:
        return np.int64(0)
    nearest = second = np.int64(1) << 40
    for branch in range(count):
        total = np.int64(0)
        for row in range(height):
            for column in range(width):
                total += abs(np.int64(guess[row, column]) - rivals[branch, row, column])
        if total < nearest:
            nearest, second = total, nearest
        elif total < second:
            second = total
    if count == 1:
        second = nearest
    found = np.int64(1)
    for bound in DOUBTS:
        found += 256 * second >= bound * step * width * height
    return found


@inner
def code_coded(coder, plane, x, y, width, height, doubtful, coded):
    """Whether a block has coefficients; ``doubtful`` is what `doubt` gives."""
    near = 0
    if x > 0:
        near += plane.maps[HAS_LEVELS, y >> 2, (x - 1) >> 2]
    if y > 0:
        near += plane.maps[HAS_LEVELS, (y - 1) >> 2, x >> 2]
    return code_bit(coder, CODED + 21 * doubtful + 3 * (log2(width) + log2(height) - 4) + near, coded)


@inner
def code_kind(coder, width, height, mode, kind):
    """The transform's kind: 0, DCT-II; 1, DST-VII."""
    if max(width, height) > 16:
        return np.int64(0)
    return code_bit(coder, KIND + (3 if mode >= NET else log2(min(width, height)) - 2), kind)
