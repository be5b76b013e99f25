"""The encoder's choice of levels: Viterbi's algorithm over the quantiser's four states, by squared error and bits."""

# Compiled code is typed by Numba.
# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

import numpy as np

from lightning_dlic.codec.intra.arithmetic import probability
from lightning_dlic.codec.intra.jit import inner
from lightning_dlic.codec.intra.syntax import (
    last_group,
    last_models,
    log2,
    next_state,
    rice,
    significance_model,
    size_model,
)
from lightning_dlic.codec.intra.tables import (
    ABOVE_1,
    ABOVE_2,
    CONTEXTS,
    COST,
    LAST_X,
    LAST_Y,
    NEAR,
    SCAN,
)

_NEVER = 1e30


@inner
def weigh_models(models, weight, costs):
    """Fills ``costs`` ``[n, 2]`` with ``weight`` times the bits of a zero and a one by each model."""
    for model in range(CONTEXTS):
        zero = probability(models, model)
        costs[model, 0] = weight * COST[zero >> 5]
        costs[model, 1] = weight * COST[(32768 - zero) >> 5]


@inner
def last_costs(costs, weight, width, height):
    """Fills ``costs[n + place]`` with the costs of the last coefficient's column and row."""
    for axis in range(2):
        side = width if axis == 0 else height
        first, shift = last_models(side)
        first += LAST_X if axis == 0 else LAST_Y
        for value in range(side):
            group = last_group(value)
            total = 0.0
            for place in range(group):
                total += costs[first + (place >> shift), 1]
            if group < 2 * log2(side) - 1:
                total += costs[first + (group >> shift), 0]
            if group >= 4:
                total += weight * ((group >> 1) - 1)
            costs[CONTEXTS + value, axis] = total


@inner
def _level_cost(costs, weight, model, total, size):
    """Cost of a level of at least 1, sign included."""
    if size == 1:
        return weight + costs[ABOVE_1 + model, 0]
    found = weight + costs[ABOVE_1 + model, 1]
    if size == 2:
        return found + costs[ABOVE_2 + model, 0]
    found += costs[ABOVE_2 + model, 1]
    parameter = rice(total)
    rest = size - 3
    group = rest >> parameter
    if group < 5:
        return found + weight * (group + 1 + parameter)
    rest -= 5 << parameter
    width = parameter
    bits = 5 + 1
    while rest >= 1 << width:
        rest -= 1 << width
        width += 1
        bits += 1
    return found + weight * (bits + width)


@inner
def _first_place(coefficients, width, shape, area, step):
    """The last place in the scan that may have a level; -1 for none."""
    for place in range(area - 1, -1, -1):
        if abs(coefficients[SCAN[shape, place, 1], SCAN[shape, place, 0]]) >= step:
            return place
    return -1


@inner
def choose_levels(coefficients, width, height, step, weight, costs, paths, trace, out):
    """Chooses levels.

    Args:
        coefficients: float32 ``[height, width]``.
        width: Of the block.
        height: Of the block.
        step: Of the fine grid, in grey levels.
        weight: What a bit costs in squared error.
        costs: Of the models, and of the last coefficient's place.
        paths: Scratch, int32 ``[2, 4, 1280]``.
        trace: Scratch, int32 ``[1024, 4, 2]``.
        out: Gets the levels in scan order, int32 ``[1025]``.

    Returns:
        Number of levels, and what squared error and bits cost less the squared error of no level at all.
    """
    shape = 4 * (log2(height) - 2) + log2(width) - 2
    start = _first_place(coefficients, width, shape, width * height, step)
    if start < 0:
        return np.int64(0), 0.0
    best, found = np.zeros(4), np.zeros(4)
    old = 0
    for state in range(4):
        best[state] = _NEVER
        for index in range(start + 1, start + 140):
            paths[0, state, index] = paths[1, state, index] = 0
        paths[0, state, 1024] = paths[1, state, 1024] = 0
    for place in range(start, -1, -1):
        x, y = np.int64(SCAN[shape, place, 0]), np.int64(SCAN[shape, place, 1])
        value = np.float64(abs(coefficients[y, x]))
        for state in range(4):
            found[state] = _NEVER
        for state in range(5):
            fresh = state == 4
            if not fresh and best[state] >= _NEVER:
                continue
            capped = total = count = np.int64(0)
            so_far, grid = 0.0, 0
            if not fresh:
                for near in range(5):
                    level = np.int64(paths[old, state, NEAR[shape, place, near]])
                    total += level
                    capped += min(level, 4)
                    count += level > 0
                model = significance_model(x + y, np.int64(state), capped)
                behind = next_state(np.int64(state), np.int64(0))
                cost = best[state] + costs[model, 0]
                if cost < found[behind]:
                    found[behind] = cost
                    trace[place, behind, 0], trace[place, behind, 1] = state, 0
                so_far = best[state] + costs[model, 1]
                grid = state >> 1
            else:
                so_far = costs[CONTEXTS + x, 0] + costs[CONTEXTS + y, 1]
            model = size_model(x + y, fresh, capped, count)
            nearest = np.int64((value / step + grid) * 0.5)
            for size in range(max(nearest, np.int64(1)), nearest + np.int64(2)):
                error = value - (2 * size - grid) * step
                cost = so_far + error * error - value * value + _level_cost(costs, weight, model, total, size)
                behind = next_state(np.int64(0 if fresh else state), size)
                if cost < found[behind]:
                    found[behind] = cost
                    trace[place, behind, 0], trace[place, behind, 1] = state, size
        window = 2 * min(min(width, height), x + y + 3) + 4
        for state in range(4):
            if found[state] < _NEVER:
                before = np.int64(trace[place, state, 0])
                for index in range(place + 1, place + 1 + window):
                    paths[1 - old, state, index] = 0 if before == 4 else paths[old, before, index]
                paths[1 - old, state, place] = trace[place, state, 1]
            best[state] = found[state]
        old = 1 - old
    final = np.int64(0)
    for state in range(1, 4):
        if best[state] < best[final]:
            final = np.int64(state)
    return _follow(coefficients, shape, trace, final, out), best[final]


@inner
def _follow(coefficients, shape, trace, state, out):
    """Writes the levels of the path that ends in ``state``; returns their number."""
    place = 0
    while True:
        before, size = np.int64(trace[place, state, 0]), trace[place, state, 1]
        negative = coefficients[SCAN[shape, place, 1], SCAN[shape, place, 0]] < 0
        out[place] = -size if negative else size
        place += 1
        if before == 4:
            return place
        state = before
