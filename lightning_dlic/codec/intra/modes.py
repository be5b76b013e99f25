"""The prediction mode of a block, element by element."""

# Compiled code is typed by Numba.
# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

import numpy as np

from lightning_dlic.codec.intra.arithmetic import code_bit, code_flat
from lightning_dlic.codec.intra.jit import inner
from lightning_dlic.codec.intra.syntax import MODE, log2
from lightning_dlic.codec.intra.tables import (
    BRANCH,
    BRANCH_CONTEXTS,
    DC,
    HORIZONTAL,
    IS_LISTED,
    IS_PLANAR,
    LISTED,
    MAX_BRANCHES,
    NET,
    PLANAR,
    USE_NET,
    VERTICAL,
)
from lightning_dlic.imaging.numpy.blocks import VIEWS


@inner
def _candidates(left, above):
    """The five likeliest modes besides planar."""
    found = np.zeros(5, np.int64)
    count = 0
    left = PLANAR if left >= NET else left
    above = PLANAR if above >= NET else above
    for which in range(12):
        base = left if which % 2 == 0 else above
        if which < 2:
            mode = base
        elif which < 6:
            mode = 2 + (base - 2 + (1 if which < 4 else 64)) % 65 if base > DC else PLANAR
        elif which < 9:
            mode = DC if which == 6 else VERTICAL if which == 7 else HORIZONTAL
        else:
            mode = VERTICAL - 4 if which == 9 else VERTICAL + 4 if which == 10 else HORIZONTAL + 4
        if mode == PLANAR:
            continue
        fresh = True
        for index in range(count):
            if found[index] == mode:
                fresh = False
        if fresh and count < 5:
            found[count] = mode
            count += 1
    return found


@inner
def branches_for(nets, width, height):
    """Predictions by a network of one view of a block, that of its longer side; ``nets`` is what `net.sizes` gives."""
    which = log2(max(width, height)) - 2
    return (nets >> (5 * which)) & 31 if which < 3 else np.int64(0)


@inner
def _code_branch(coder, which, branches, branch):
    """One of a network's predictions: the view that it is of, then its number, both from the highest bit on."""
    first, view = BRANCH + BRANCH_CONTEXTS * which, np.int64(1)
    for bit in range(1, -1, -1):
        view = 2 * view + code_bit(coder, first + view - 1, (branch // MAX_BRANCHES >> bit) & 1)
    node, bits = np.int64(1), np.int64(0)
    while 1 << bits < branches:
        bits += 1
    for bit in range(bits - 1, -1, -1):
        node = 2 * node + code_bit(coder, first + VIEWS - 1 + node - 1, (branch >> bit) & 1)
    return MAX_BRANCHES * (view - VIEWS) + min(node - (1 << bits), branches - 1)


@inner
def code_mode(coder, plane, x, y, width, height, nets, mode):
    """The prediction mode; ``nets`` is what `net.sizes` gives."""
    left = np.int64(plane.maps[MODE, (y + height - 1) >> 2, (x - 1) >> 2]) if x > 0 else np.int64(PLANAR)
    above = np.int64(plane.maps[MODE, (y - 1) >> 2, (x + width - 1) >> 2]) if y > 0 else np.int64(PLANAR)
    branches = branches_for(nets, width, height)
    if branches:
        which = log2(max(width, height)) - 2
        near = np.int64(left >= NET) + np.int64(above >= NET)
        if code_bit(coder, USE_NET + 6 * which + 3 * np.int64(width != height) + near, np.int64(mode >= NET)):
            return NET + _code_branch(coder, which, branches, np.int64(mode - NET))
    planar = np.int64(left == PLANAR) + np.int64(above == PLANAR)
    if code_bit(coder, IS_PLANAR + planar, np.int64(mode == PLANAR)):
        return PLANAR
    listed = _candidates(left, above)
    place = -1
    for index in range(5):
        if listed[index] == mode:
            place = index
    if code_bit(coder, IS_LISTED + np.int64(left > DC or above > DC), np.int64(place >= 0)):
        for index in range(4):
            if not code_bit(coder, LISTED + index, np.int64(place > index)):
                return listed[index]
        return listed[4]
    return _code_unlisted(coder, listed, mode)


@inner
def _code_unlisted(coder, listed, mode):
    """One of the 61 other modes: the first three in 5 bits, the others in 6."""
    for index in range(1, 5):
        for place in range(index, 0, -1):
            if listed[place - 1] > listed[place]:
                listed[place - 1], listed[place] = listed[place], listed[place - 1]
    rest = mode - 1
    for index in range(5):
        if listed[index] < mode:
            rest -= 1
    head = code_flat(coder, np.int64(5), rest if rest < 3 else (rest + 3) >> 1)
    if head >= 3:
        head = (head << 1 | code_flat(coder, np.int64(1), (rest + 3) & 1)) - 3
    mode = head + 1
    for index in range(5):
        if listed[index] <= mode:
            mode += 1
    return mode
