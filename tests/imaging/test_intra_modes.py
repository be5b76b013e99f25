"""HEVC's modes, against the standard's formulas written out sample by sample."""

import numpy as np
import pytest

from lightning_dlic.imaging.intra_modes import ANGLES, predict_modes, references
from lightning_dlic.imaging.numpy.blocks import cut_contexts

RECIPROCALS = [4096, 1638, 910, 630, 482, 390, 315, 256, 315, 390, 482, 630, 910, 1638, 4096]
INVERSE = dict(zip(range(11, 26), RECIPROCALS, strict=True))


def filtered(p, n, mode):
    """8.4.4.2.3: p maps (x, y) to a sample."""
    if mode == 1 or n == 4 or min(abs(mode - 26), abs(mode - 10)) <= {8: 7, 16: 1, 32: 0}[n]:
        return p
    corner, end, low = p[-1, -1], p[2 * n - 1, -1], p[-1, 2 * n - 1]
    if n == 32 and abs(corner + end - 2 * p[n - 1, -1]) < 8 and abs(corner + low - 2 * p[-1, n - 1]) < 8:
        q = {(-1, -1): corner, (-1, 63): low, (63, -1): end}
        for i in range(63):
            q[-1, i] = ((63 - i) * corner + (i + 1) * low + 32) >> 6
            q[i, -1] = ((63 - i) * corner + (i + 1) * end + 32) >> 6
        return q
    q = {(-1, -1): (p[-1, 0] + 2 * corner + p[0, -1] + 2) >> 2, (-1, 2 * n - 1): low, (2 * n - 1, -1): end}
    for i in range(2 * n - 1):
        q[-1, i] = (p[-1, i + 1] + 2 * p[-1, i] + p[-1, i - 1] + 2) >> 2
        q[i, -1] = (p[i - 1, -1] + 2 * p[i, -1] + p[i + 1, -1] + 2) >> 2
    return q


def angular(p, n, mode):
    """8.4.4.2.6, as [y, x]."""
    angle = ANGLES[mode - 2]
    vertical = mode >= 18

    def main(i):
        return p[-1 + i, -1] if vertical else p[-1, -1 + i]

    def other(i):
        return p[-1, -1 + i] if vertical else p[-1 + i, -1]

    ref = {i: main(i) for i in range(2 * n + 1)}
    if angle < 0 and (n * angle) >> 5 < -1:
        ref |= {i: other((-i * INVERSE[mode] + 128) >> 8) for i in range((n * angle) >> 5, 0)}
    elif angle < 0:
        ref[-1] = None  # never read
    out = np.zeros((n, n), int)
    for a in range(n):
        for b in range(n):
            step, across = (b, a) if vertical else (a, b)
            whole, part = ((step + 1) * angle) >> 5, ((step + 1) * angle) & 31
            value = ref[across + whole + 1]
            if part:
                value = ((32 - part) * value + part * ref[across + whole + 2] + 16) >> 5
            out[b, a] = value
    return out


def standard(p, n, mode):
    q = filtered(p, n, mode)
    out = np.zeros((n, n), int)
    shift = n.bit_length() - 1
    if mode == 0:
        for y in range(n):
            for x in range(n):
                across = (n - 1 - x) * q[-1, y] + (x + 1) * q[n, -1]
                out[y, x] = (across + (n - 1 - y) * q[x, -1] + (y + 1) * q[-1, n] + n) >> (shift + 1)
    elif mode == 1:
        value = (sum(p[i, -1] + p[-1, i] for i in range(n)) + n) >> (shift + 1)
        out[:] = value
        if n < 32:
            out[0, 0] = (p[-1, 0] + 2 * value + p[0, -1] + 2) >> 2
            for i in range(1, n):
                out[0, i], out[i, 0] = (p[i, -1] + 3 * value + 2) >> 2, (p[-1, i] + 3 * value + 2) >> 2
    else:
        out = angular(q, n, mode)
        for i in range(n if n < 32 else 0):
            if mode == 26:
                out[i, 0] = np.clip(p[0, -1] + ((p[-1, i] - p[-1, -1]) >> 1), 0, 255)
            elif mode == 10:
                out[0, i] = np.clip(p[-1, 0] + ((p[i, -1] - p[-1, -1]) >> 1), 0, 255)
    return out


@pytest.mark.parametrize("n", [4, 8, 16, 32])
def test_every_mode_is_the_standards(n):
    rng = np.random.default_rng(n)
    rough = rng.integers(0, 256, (2, 4 * n + 1))
    straight = np.linspace(40, 90, 4 * n + 1).round().astype(int)[None]  # for strong smoothing
    lines = np.concatenate([rough, straight])
    made = predict_modes(lines[:, 2 * n :].astype(np.uint8), lines[:, 2 * n - 1 :: -1].astype(np.uint8))
    assert made.shape == (3, 35, n, n)
    for line, blocks in zip(lines.tolist(), made, strict=True):
        p = {(-1, y): line[2 * n - 1 - y] for y in range(-1, 2 * n)} | {
            (x, -1): line[2 * n + 1 + x] for x in range(2 * n)
        }
        for mode in range(35):
            np.testing.assert_array_equal(blocks[mode], standard(p, n, mode), err_msg=f"mode {mode}")


def test_unknown_references_are_substituted_as_the_standard_says():
    plane = np.arange(64, dtype=np.uint8).reshape(8, 8)
    known = np.zeros((8, 8), bool)
    known[:4] = True
    known[4:, :4] = True
    m, corner = 4, np.array([4])
    context, available = cut_contexts(plane, known, corner, corner, m)
    above, left = references(context, available, m)
    assert above[0].tolist() == [27, 28, 29, 30, 31, 31, 31, 31, 31]  # above right is outside: its neighbour goes on
    assert left[0].tolist() == [35, 43, 51, 59, 59, 59, 59, 59]  # below left: the first known one on the way up
    nothing, none = cut_contexts(plane, known, np.array([0]), np.array([0]), m)
    assert all((part == 128).all() for part in references(nothing, none, m))
    known[:] = False
    known[4:, :4] = True
    only_left = references(*cut_contexts(plane, known, corner, corner, m), m)
    assert only_left[0][0].tolist() == [35] * 9
