"""The 35 luma prediction modes of HEVC (ITU-T H.265, 8.4.4.2), to the bit, for many blocks at once.

Reference smoothing, strong smoothing of 32x32 blocks and the boundary filters of DC, horizontal and vertical are
included, all at 8 bits.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

PLANAR, DC, HORIZONTAL, VERTICAL = 0, 1, 10, 26
MODES = 35
# Displacement of each angular mode 2..34 in 1/32 samples a row, and for negative ones its reciprocal (tables 8-5, 8-6).
_ANGLE = (32, 26, 21, 17, 13, 9, 5, 2, 0, -2, -5, -9, -13, -17, -21, -26)
ANGLES = (*_ANGLE, *(-32, -26, -21, -17, -13, -9, -5, -2, 0, 2, 5, 9, 13, 17, 21, 26, 32))
_INVERSE = {-2: -4096, -5: -1638, -9: -910, -13: -630, -17: -482, -21: -390, -26: -315, -32: -256}
# Modes farther than this from horizontal and vertical see smoothed references.
_SMOOTH_BEYOND = {4: 99, 8: 7, 16: 1, 32: 0}
Samples = NDArray[np.integer]


def smooths(m: int) -> NDArray[np.bool_]:
    """Which of the 35 modes see smoothed references in blocks of side ``m`` (8.4.4.2.3): bool ``[35]``."""
    modes = np.arange(MODES)
    distance = np.minimum(abs(modes - VERTICAL), abs(modes - HORIZONTAL))
    return np.asarray((distance > _SMOOTH_BEYOND[m]) & (modes != DC) & (m > 4))


@lru_cache(maxsize=8)
def angular_taps(m: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where angular modes read. Every predicted sample is ``((32 - w) line[i] + w line[i + d] + 16) >> 5``.

    The line is the references from the lowest on the left, over the corner at 2m, to the rightmost above at 4m. The
    modes run 2, 3, ..., 34.

    Args:
        m: Side of the block.

    Returns:
        Indices int64 ``[33, m, m, 2]`` of both taps, and weights ``w`` in [0, 32), int64 ``[33, m, m]``.
    """
    index, weight = np.zeros((33, m, m, 2), np.int64), np.zeros((33, m, m), np.int64)
    for number, angle in enumerate(ANGLES):
        vertical = number + 2 >= 18
        # `side` is the reference the block is read from, `ahead` its direction along the line.
        side = {position: _along(position, angle, m) for position in range(-m, 2 * m + 1)}
        for step in range(m):  # away from the reference
            whole, part = ((step + 1) * angle) >> 5, ((step + 1) * angle) & 31
            for across in range(m):
                taps = [side[across + whole + 1], side[across + whole + 2] if part else side[across + whole + 1]]
                row, column = (step, across) if vertical else (across, step)
                index[number, row, column] = [2 * m + t if vertical else 2 * m - t for t in taps]
                weight[number, row, column] = part
    return index, weight


def _along(position: int, angle: int, m: int) -> int:
    """Place of the standard's ref[position], counted from the corner; negative on the other side."""
    return position if position >= 0 else -((position * _INVERSE.get(angle, 0) + 128) >> 8)


def smooth(line: Samples, strong: bool = True) -> NDArray[np.int32]:
    """Smooths reference lines (8.4.4.2.3).

    Args:
        line: ``[N, 4m + 1]``.
        strong: Whether 32x32 blocks with nearly straight references are interpolated between the corners.

    Returns:
        int32 ``[N, 4m + 1]``.
    """
    p = line.astype(np.int32)
    out = p.copy()
    out[:, 1:-1] = (p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:] + 2) >> 2
    last = p.shape[1] - 1
    if not strong or last != 128:
        return out
    first, middle, end = p[:, :1], p[:, 64:65], p[:, 128:]
    flat = (abs(middle + end - 2 * p[:, 96:97]) < 8) & (abs(middle + first - 2 * p[:, 32:33]) < 8)
    ramp = np.arange(65, dtype=np.int32)
    below = ((64 - ramp) * first + ramp * middle + 32) >> 6
    beyond = ((64 - ramp) * middle + ramp * end + 32) >> 6
    straight = np.concatenate([below[:, :64], beyond], axis=1)
    return np.where(flat, straight, out)


def planar(line: Samples) -> NDArray[np.int32]:
    """Planar mode on a line already smoothed: int32 ``[N, m, m]``."""
    m = line.shape[1] // 4
    p = line.astype(np.int32)
    left, above = p[:, 2 * m - 1 : m - 1 : -1, None], p[:, None, 2 * m + 1 : 3 * m + 1]
    right, below = p[:, 3 * m + 1, None, None], p[:, m - 1, None, None]
    ramp = np.arange(m, dtype=np.int32)
    x, y = ramp[None, None, :], ramp[None, :, None]
    shift = m.bit_length()
    total = (m - 1 - x) * left + (x + 1) * right + (m - 1 - y) * above + (y + 1) * below + m
    return np.asarray(total >> shift, dtype=np.int32)


def dc(line: Samples) -> NDArray[np.int32]:
    """DC mode, with its boundary filter below 32x32: int32 ``[N, m, m]``."""
    m = line.shape[1] // 4
    p = line.astype(np.int32)
    left, above = p[:, 2 * m - 1 : m - 1 : -1], p[:, 2 * m + 1 : 3 * m + 1]
    value = (left.sum(axis=1) + above.sum(axis=1) + m) >> m.bit_length()
    block = np.broadcast_to(value[:, None, None], (len(p), m, m)).astype(np.int32)
    if m < 32:
        block[:, 0, 1:] = (above[:, 1:] + 3 * value[:, None] + 2) >> 2
        block[:, 1:, 0] = (left[:, 1:] + 3 * value[:, None] + 2) >> 2
        block[:, 0, 0] = (left[:, 0] + 2 * value + above[:, 0] + 2) >> 2
    return block


def predict_modes(ref_above: Samples, ref_left: Samples) -> NDArray[np.uint8]:
    """Predicts blocks in all 35 modes.

    Args:
        ref_above: ``[N, 2m + 1]`` in [0, 255]: the corner, then the samples above from left to right.
        ref_left: ``[N, 2m]``: the samples on the left from top to bottom.

    Returns:
        uint8 ``[N, 35, m, m]``, m being 4, 8, 16 or 32.
    """
    m = ref_left.shape[1] // 2
    plain = np.concatenate([ref_left[:, ::-1], ref_above], axis=1).astype(np.int32)
    soft = smooth(plain) if m > 4 else plain
    chosen = smooths(m)
    out = np.empty((len(plain), MODES, m, m), np.uint8)
    out[:, PLANAR] = planar(soft if chosen[PLANAR] else plain)
    out[:, DC] = dc(plain)
    index, weight = angular_taps(m)
    for number in range(33):
        line = soft if chosen[number + 2] else plain
        first, second = line[:, index[number, ..., 0]], line[:, index[number, ..., 1]]
        out[:, number + 2] = ((32 - weight[number]) * first + weight[number] * second + 16) >> 5
    if m < 32:
        _boundary(out, plain, m)
    return out


def _boundary(out: NDArray[np.uint8], line: NDArray[np.int32], m: int) -> None:
    """Lets horizontal and vertical follow the other reference along their first row or column."""
    corner = line[:, 2 * m, None]
    left, above = line[:, 2 * m - 1 : m - 1 : -1], line[:, 2 * m + 1 : 3 * m + 1]
    out[:, VERTICAL, :, 0] = (above[:, :1] + ((left - corner) >> 1)).clip(0, 255)
    out[:, HORIZONTAL, 0, :] = (left[:, :1] + ((above - corner) >> 1)).clip(0, 255)


def references(
    context: NDArray[np.uint8], available: NDArray[np.uint8], m: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The references inside causal contexts, what is unavailable substituted by the standard's rule (8.4.4.2.2).

    Args:
        context: ``[N, 5 m^2]``, laid out as `imaging.numpy.blocks` says.
        available: Of the same shape, 1 where known.
        m: Side of the block.

    Returns:
        ``ref_above`` ``[N, 2m + 1]`` and ``ref_left`` ``[N, 2m]``, as `predict_modes` takes them.
    """
    last = 3 * m * (m - 1) + m - 1
    left = 3 * m * m + m * np.arange(2 * m - 1, -1, -1) + m - 1
    where = np.concatenate([left, np.arange(last, last + 2 * m + 1)])
    values, known = context[:, where], available[:, where].astype(bool)
    # Each sample takes the nearest known one before it on the line, those before the first known one take that.
    position = np.where(known, np.arange(where.size), -1)
    source = np.maximum.accumulate(position, axis=1)
    source = np.where(source < 0, known.argmax(axis=1)[:, None], source)
    line = np.take_along_axis(values, source, axis=1)
    line[~known.any(axis=1)] = 128
    return line[:, 2 * m :], line[:, : 2 * m][:, ::-1]
