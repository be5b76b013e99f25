"""The encoder's choice for one block: prediction mode, transform and levels, by squared error and true cost in bits."""

# Compiled code is typed by Numba.
# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.intra.arithmetic import ESTIMATE, Coder
from lightning_dlic.codec.intra.jit import inner, inner_fast
from lightning_dlic.codec.intra.modes import branches_for, code_mode
from lightning_dlic.codec.intra.net import ROOM, Nets, predictions
from lightning_dlic.codec.intra.predict import predict, references
from lightning_dlic.codec.intra.syntax import Plane, code_coded, code_kind, code_levels, doubt, mark
from lightning_dlic.codec.intra.tables import CONTEXTS, CTU, DC, MAX_BRANCHES, NET, PLANAR
from lightning_dlic.codec.intra.transform import dequantise, forward, inverse
from lightning_dlic.codec.intra.trellis import choose_levels, last_costs, weigh_models
from lightning_dlic.imaging.numpy.blocks import VIEWS

MOST_TRIED = 16
AT, USE_NETS, TRIED, NETS_TRIED, STEP_16, VIEWS_TRIED = range(6)
"""Places in `Work.numbers`: end of the tokens, `net.sizes`, modes and predictions tried, step in sixteenths, views."""


class Trials(NamedTuple):
    """How much an encoder tries.

    Attributes:
        modes: Planar, DC and directions tried in full for each block.
        predictions: Of a network's predictions, those tried in full.
        halvings: How often blocks are halved.
        views: Of which networks predict, at least 1 and at most `imaging.numpy.blocks.VIEWS`.
    """

    modes: int
    predictions: int
    halvings: int
    views: int = VIEWS


class Work(NamedTuple):
    """Everything that the search for one block writes to.

    Attributes:
        coder: Counts bits.
        plane: The plane as decoded so far.
        nets: Predictors.
        original: int32, of the plane's size.
        numbers: Settings and the end of the tokens, int64.
        weight: What a bit costs in squared error, float64 ``[1]``.
        tokens: What was decided in this largest block, int32.
        ints: Scratch, int32 ``[2, 32, 32]``.
        longs: Scratch, int64 ``[2, 32, 32]``.
        floats: Scratch, float32 ``[3, 32, 32]``.
        lines: Scratch, int32 ``[4, 1100]``.
        costs: Of the models, float64 ``[n, 2]``; then of the last place, ``[32, 2]``.
        paths: Scratch, int32 ``[2, 4, 1280]``.
        trace: Scratch, int32 ``[1024, 4, 2]``.
        room: Scratch for networks, int32 ``[2, 4096]``.
        guesses: What a network predicts of the block at hand, in each view: int32 ``[64, 16, 16]``.
    """

    coder: Coder
    plane: Plane
    nets: Nets
    original: NDArray[np.int32]
    numbers: NDArray[np.int64]
    weight: NDArray[np.float64]
    tokens: NDArray[np.int32]
    ints: NDArray[np.int32]
    longs: NDArray[np.int64]
    floats: NDArray[np.float32]
    lines: NDArray[np.int32]
    costs: NDArray[np.float64]
    paths: NDArray[np.int32]
    trace: NDArray[np.int32]
    room: NDArray[np.int32]
    guesses: NDArray[np.int32]


def new_work(
    coder: Coder, plane: Plane, nets: Nets, original: NDArray[np.int32], numbers: list[int], weight: float
) -> Work:
    """Room for a search."""
    return Work(
        coder,
        plane,
        nets,
        original,
        np.array(numbers, np.int64),
        np.array([weight]),
        np.zeros(16 * CTU * CTU, np.int32),
        np.zeros((2, CTU, CTU), np.int32),
        np.zeros((2, CTU, CTU), np.int64),
        np.zeros((3, CTU, CTU), np.float32),
        np.zeros((4, 1100), np.int32),
        np.zeros((CONTEXTS + CTU, 2)),
        np.zeros((2, 4, 1280), np.int32),
        np.zeros((CTU * CTU, 4, 2), np.int32),
        np.zeros((2, ROOM), np.int32),
        np.zeros((VIEWS * MAX_BRANCHES, 16, 16), np.int32),
    )


@inner
def _guess(work, mode, x, y, width, height):
    """Predicts by a mode, into ``ints[0]``; the difference goes into ``floats[0]``. Returns its energy."""
    guess = work.ints[0]
    if mode >= NET:
        for row in range(height):
            for column in range(width):
                guess[row, column] = work.guesses[mode - NET, row, column]
    else:
        predict(mode, work.lines[0], work.lines[1], width, height, work.lines[2], guess)
    energy = np.float64(0)
    for row in range(height):
        for column in range(width):
            value = np.float32(work.original[y + row, x + column] - guess[row, column])
            work.floats[0, row, column] = value
            energy += value * value
    return energy


@inner
def _mode_bits(work, x, y, width, height, mode):
    """Bits of a mode, while the coder estimates."""
    before = work.coder.bits[0]
    code_mode(work.coder, work.plane, x, y, width, height, work.numbers[USE_NETS], mode)
    found = work.coder.bits[0] - before
    work.coder.bits[0] = before
    return found


@inner_fast
def _rough(work, mode, x, y, width, height):
    """A quick estimate of a mode's worth: sum of transformed differences and weighted bits."""
    _guess(work, mode, x, y, width, height)
    forward(np.int64(0), width, height, work.floats[0], work.floats[1], work.floats[2])
    total = np.float32(0)
    for row in range(height):
        for column in range(width):
            total += abs(work.floats[2, row, column])
    return total + np.sqrt(work.weight[0]) * _mode_bits(work, x, y, width, height, mode)


@inner
def _shortlist(work, x, y, width, height, modes):
    """The modes that deserve a full trial; returns their number.

    All of planar, DC and every fourth direction are looked at, then the best three's neighbours, nearer and nearer.
    """
    worth, tried, centers = np.zeros(MOST_TRIED + 2), np.zeros(70, np.int64), np.zeros(3, np.int64)
    count = np.int64(0)
    for reach in range(4, 0, -1):
        if reach == 3:
            continue
        for place in range(3):
            centers[place] = modes[place] if place < count else 0
        for which in range(19 if reach == 4 else 6):
            if reach == 4:
                mode = which if which < 2 else 4 * which - 6
            else:
                center = centers[which >> 1]
                mode = center + (reach if which & 1 else -reach) if center > DC else PLANAR
            if mode > 66 or mode < 0 or tried[mode] or (reach < 4 and mode <= DC):
                continue
            tried[mode] = 1
            value = _rough(work, mode, x, y, width, height)
            place = count
            while place > 0 and worth[place - 1] > value:
                worth[place], modes[place] = worth[place - 1], modes[place - 1]
                place -= 1
            worth[place], modes[place] = value, mode
            count = min(count + 1, work.numbers[TRIED])
    return count + _shortlist_nets(work, x, y, width, height, modes[count:])


@inner
def _shortlist_nets(work, x, y, width, height, modes):
    """The predictions of a network that deserve a full trial; returns their number."""
    branches = branches_for(work.numbers[USE_NETS], width, height)
    if branches == 0:
        return np.int64(0)
    worth = np.full(VIEWS * MAX_BRANCHES, np.inf)
    for view in range(work.numbers[VIEWS_TRIED]):
        first = MAX_BRANCHES * view
        guesses = work.guesses[first : first + MAX_BRANCHES]
        predictions(work.nets, work.plane, x, y, width, height, view, branches, work.room, guesses)
        for branch in range(first, first + branches):
            worth[branch] = _rough(work, NET + branch, x, y, width, height)
    count = min(work.numbers[VIEWS_TRIED] * branches, work.numbers[NETS_TRIED])
    for place in range(count):
        best = np.argmin(worth)
        modes[place] = NET + best
        worth[best] = np.inf
    return count


@inner
def leaf(work, x, y, width, height):
    """Codes a block without splitting it: decodes it, appends its tokens, adds its bits. Returns squared error."""
    weight, coder, bits = work.weight[0], work.coder, work.coder.bits
    step, at = work.numbers[STEP_16] / 16.0, work.numbers[AT]
    references(work.plane, x, y, width, height, work.lines[0], work.lines[1])
    modes, levels = np.zeros(MOST_TRIED + VIEWS * MAX_BRANCHES, np.int64), work.lines[3]
    before, does = bits[0], coder.state[0]
    coder.state[0] = ESTIMATE
    count = _shortlist(work, x, y, width, height, modes)
    weigh_models(coder.models, weight, work.costs)
    last_costs(work.costs, weight, width, height)
    best, best_mode, best_kind, best_count, best_doubt = 1e30, np.int64(PLANAR), np.int64(0), np.int64(0), np.int64(0)
    rivals = branches_for(work.numbers[USE_NETS], width, height)
    for index in range(count):
        mode = modes[index]
        energy = _guess(work, mode, x, y, width, height) + weight * _mode_bits(work, x, y, width, height, mode)
        others = work.guesses[max(mode - NET, 0) // MAX_BRANCHES * MAX_BRANCHES :]
        doubtful = doubt(work.ints[0], others, rivals, width, height, work.numbers[STEP_16])
        for kind in range(3 if max(width, height) <= 16 else 2):
            # The last trial is of no levels at all.
            code_coded(coder, work.plane, x, y, width, height, doubtful, np.int64(kind > 0))
            number, cost = np.int64(0), energy + weight * (bits[0] - before)
            if kind:
                forward(np.int64(kind - 1), width, height, work.floats[0], work.floats[1], work.floats[2])
                number, cost = choose_levels(
                    work.floats[2], width, height, step, weight, work.costs, work.paths, work.trace, levels
                )
                code_kind(coder, width, height, mode, np.int64(kind - 1))
                cost += energy + weight * (bits[0] - before)
            bits[0] = before
            if (number or kind == 0) and cost < best:
                best, best_mode, best_kind, best_count = cost, mode, np.int64(kind - 1), number
                best_doubt = doubtful
                for place in range(number):
                    work.tokens[at + 4 + place] = levels[place]
                for row in range(height):
                    for column in range(width):
                        work.ints[1, row, column] = work.ints[0, row, column]
    coder.state[0] = does
    work.tokens[at], work.tokens[at + 1], work.tokens[at + 2] = best_mode, max(best_kind, 0), best_count
    work.tokens[at + 3], work.numbers[AT] = best_doubt, at + 4 + best_count
    return _settle(work, x, y, width, height, at)


@inner
def _settle(work, x, y, width, height, at):
    """Decodes the block as the tokens at ``at`` say, its prediction being in ``ints[1]``."""
    tokens, guess, levels, coder = work.tokens, work.ints[1], work.lines[3], work.coder
    mode, kind, count = np.int64(tokens[at]), np.int64(tokens[at + 1]), np.int64(tokens[at + 2])
    for place in range(count):
        levels[place] = tokens[at + 4 + place]
    levels[1024] = 0
    code_mode(coder, work.plane, x, y, width, height, work.numbers[USE_NETS], mode)
    code_coded(coder, work.plane, x, y, width, height, np.int64(tokens[at + 3]), np.int64(count > 0))
    if count:
        code_kind(coder, width, height, mode, kind)
        code_levels(coder, width, height, count, levels)
        dequantise(levels, count, width, height, work.numbers[STEP_16], work.longs[0])
        inverse(kind, width, height, work.longs[0], work.longs[1], guess)
    error = np.int64(0)
    for row in range(height):
        for column in range(width):
            value = np.int64(guess[row, column])
            work.plane.pixels[y + row, x + column] = value
            error += (value - work.original[y + row, x + column]) ** 2
    mark(work.plane, x, y, width, height, mode, np.int64(count > 0))
    return np.float64(error)
