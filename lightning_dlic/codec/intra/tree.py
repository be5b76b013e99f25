"""The tree of blocks: read and decoded, or written as the search decided."""

# Compiled code is typed by Numba.
# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.intra.arithmetic import READ, Coder, ended
from lightning_dlic.codec.intra.jit import inner
from lightning_dlic.codec.intra.modes import branches_for, code_mode
from lightning_dlic.codec.intra.net import ROOM, Nets, predictions
from lightning_dlic.codec.intra.predict import predict, references
from lightning_dlic.codec.intra.syntax import (
    Plane,
    code_coded,
    code_kind,
    code_levels,
    code_split,
    doubt,
    mark,
)
from lightning_dlic.codec.intra.tables import MAX_BRANCHES, NET
from lightning_dlic.codec.intra.transform import dequantise, inverse


class Walk(NamedTuple):
    """What a walk over the tree needs.

    Attributes:
        coder: Reads or writes.
        plane: Gets the decoded picture when reading; decoded already when writing.
        nets: Predictors.
        numbers: Next token, the networks' predictions (`net.sizes`), the quantiser's step: int64 ``[3]``.
        tokens: Decisions to write, int32.
        stack: Blocks to come, int64 ``[32, 5]``: column, row, width, height, halvings.
        block: Scratch, int32 ``[32, 32]``.
        longs: Scratch, int64 ``[2, 32, 32]``.
        lines: Scratch, int32 ``[4, 1100]``.
        room: Scratch for networks, int32 ``[2, 4096]``.
        guesses: What a network predicts of one view of the block at hand, int32 ``[16, 16, 16]``.
    """

    coder: Coder
    plane: Plane
    nets: Nets
    numbers: NDArray[np.int64]
    tokens: NDArray[np.int32]
    stack: NDArray[np.int64]
    block: NDArray[np.int32]
    longs: NDArray[np.int64]
    lines: NDArray[np.int32]
    room: NDArray[np.int32]
    guesses: NDArray[np.int32]


def new_walk(coder: Coder, plane: Plane, nets: Nets, net: int, step: int, tokens: NDArray[np.int32]) -> Walk:
    """Room for a walk."""
    return Walk(
        coder,
        plane,
        nets,
        np.array([0, net, step], np.int64),
        tokens,
        np.zeros((32, 5), np.int64),
        np.zeros((32, 32), np.int32),
        np.zeros((2, 32, 32), np.int64),
        np.zeros((4, 1100), np.int32),
        np.zeros((2, ROOM), np.int32),
        np.zeros((MAX_BRANCHES, 16, 16), np.int32),
    )


@inner
def _token(walk):
    """The next decision when writing, 0 when reading."""
    if walk.coder.state[0] == READ:
        return np.int64(0)
    walk.numbers[0] += 1
    return np.int64(walk.tokens[walk.numbers[0] - 1])


@inner
def _predict(walk, x, y, width, height, mode):
    """Predicts a block into ``block``, and all that its network says into ``guesses``; returns how many those are.

    The network says it of the mode's view, of the first where the mode is not its own.
    """
    branches = branches_for(walk.numbers[1], width, height)
    branch = max(mode - NET, np.int64(0))
    if branches:
        view = branch // MAX_BRANCHES
        predictions(walk.nets, walk.plane, x, y, width, height, view, branches, walk.room, walk.guesses)
    if mode >= NET:
        for row in range(height):
            for column in range(width):
                walk.block[row, column] = walk.guesses[branch % MAX_BRANCHES, row, column]
    else:
        references(walk.plane, x, y, width, height, walk.lines[0], walk.lines[1])
        predict(mode, walk.lines[0], walk.lines[1], width, height, walk.lines[2], walk.block)
    return branches


@inner
def _leaf(walk, x, y, width, height):
    coder, plane, levels = walk.coder, walk.plane, walk.lines[3]
    mode, kind, count, doubtful = _token(walk), _token(walk), _token(walk), _token(walk)
    for place in range(count):
        levels[place] = _token(walk)
    levels[1024] = 0
    mode = code_mode(coder, plane, x, y, width, height, walk.numbers[1], mode)
    if coder.state[0] == READ:
        branches = _predict(walk, x, y, width, height, mode)
        doubtful = doubt(walk.block, walk.guesses, branches, width, height, walk.numbers[2])
    coded = code_coded(coder, plane, x, y, width, height, doubtful, np.int64(count > 0))
    if coded:
        kind = code_kind(coder, width, height, mode, kind)
        count = code_levels(coder, width, height, max(count, 1), levels)
    if coder.state[0] != READ:
        return
    if coded:
        dequantise(levels, count, width, height, walk.numbers[2], walk.longs[0])
        inverse(kind, width, height, walk.longs[0], walk.longs[1], walk.block)
    for row in range(height):
        for column in range(width):
            plane.pixels[y + row, x + column] = walk.block[row, column]
    mark(plane, x, y, width, height, mode, coded)


@inner
def _push(stack, top, x, y, width, height, halvings):
    stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3], stack[top, 4] = x, y, width, height, halvings


@inner
def code_tree(walk, left, top, side):
    """Reads and decodes, or writes, a block and what it is split into; False if the data ended too early."""
    rows, columns = walk.plane.pixels.shape
    stack, filled = walk.stack, np.int64(1)
    _push(stack, np.int64(0), left, top, side, side, np.int64(0))
    while filled:
        if ended(walk.coder):
            return False
        filled -= 1
        x, y, halvings = stack[filled, 0], stack[filled, 1], stack[filled, 4]
        width, height = stack[filled, 2], stack[filled, 3]
        choice = _token(walk)
        if x + width <= columns and y + height <= rows:
            choice = code_split(walk.coder, walk.plane, x, y, width, height, halvings, choice)
        else:
            choice = np.int64(1)
        if choice == 0:
            _leaf(walk, x, y, width, height)
            continue
        part_w, part_h = width >> (choice & 1), height >> np.int64(choice != 3)
        deeper = halvings + (choice >> 1)
        for part in range(3, -1, -1):
            column, row = x + (part & 1) * part_w, y + (part >> 1) * part_h
            within = column < x + width and row < y + height
            if within and column < columns and row < rows:
                _push(stack, filled, column, row, part_w, part_h, deeper)
                filled += 1
    return not ended(walk.coder)
