"""Prediction of a block from the samples beside it: planar, DC and 65 directions."""

# Compiled code is typed by Numba.
# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

import numpy as np

from lightning_dlic.codec.intra.jit import inner
from lightning_dlic.codec.intra.syntax import DONE, log2, log2_floor
from lightning_dlic.codec.intra.tables import ANGLE, DC, DIAGONAL, HORIZONTAL, INVERSE, PLANAR, TAPS, VERTICAL

_SMOOTH_FROM = (24, 24, 24, 14, 2, 0)


@inner
def references(plane, x, y, width, height, edge, smooth):
    """Collects the samples beside a block.

    ``edge`` and ``smooth``, int32 ``[131]``, get from the lowest on the left over the corner at ``width + height``
    to the last on the right: as they are, and filtered by [1 2 1] / 4. What is not decoded repeats what is.
    """
    pixels, maps = plane.pixels, plane.maps
    corner = width + height
    known = -1
    for index in range(2 * corner + 1):
        row = y + corner - 1 - index if index < corner else y - 1
        column = x - 1 if index <= corner else x + index - corner - 1
        inside = row >= 0 and column >= 0 and row < pixels.shape[0] and column < pixels.shape[1]
        if inside and maps[DONE, row >> 2, column >> 2]:
            edge[index] = pixels[row, column]
            if known < 0:
                for before in range(index):
                    edge[before] = edge[index]
            known = index
        elif known >= 0:
            edge[index] = edge[known]
    if known < 0:
        for index in range(2 * corner + 1):
            edge[index] = 128
    smooth[0], smooth[2 * corner] = edge[0], edge[2 * corner]
    for index in range(1, 2 * corner):
        smooth[index] = (edge[index - 1] + 2 * edge[index] + edge[index + 1] + 2) >> 2


@inner
def predict(mode, edge, smooth, width, height, line, out):
    """Fills ``out[:height, :width]``; ``line`` is room for 160 samples."""
    if mode == PLANAR:
        _planar(smooth if width * height > 32 else edge, width, height, out)
        _fade(edge, width, height, out)
    elif mode == DC:
        _dc(edge, width, height, out)
        _fade(edge, width, height, out)
    else:
        _angular(mode, edge, smooth, width, height, line, out)


@inner
def _planar(edge, width, height, out):
    corner = width + height
    shift_x, shift_y = log2(width), log2(height)
    right, below = np.int64(edge[corner + 1 + width]), np.int64(edge[corner - 1 - height])
    for y in range(height):
        left = np.int64(edge[corner - 1 - y])
        for x in range(width):
            across = ((width - 1 - x) * left + (x + 1) * right) << shift_y
            down = ((height - 1 - y) * np.int64(edge[corner + 1 + x]) + (y + 1) * below) << shift_x
            out[y, x] = (across + down + width * height) >> (shift_x + shift_y + 1)


@inner
def _dc(edge, width, height, out):
    corner = width + height
    total, count = np.int64(0), 0
    if width >= height:
        for x in range(width):
            total += edge[corner + 1 + x]
        count += width
    if height >= width:
        for y in range(height):
            total += edge[corner - 1 - y]
        count += height
    mean = (total + (count >> 1)) >> log2_floor(count)
    for y in range(height):
        for x in range(width):
            out[y, x] = mean


@inner
def _fade(edge, width, height, out):
    """Draws samples near the edges towards them."""
    corner = width + height
    scale = (log2(width) + log2(height) - 2) >> 2
    for y in range(height):
        from_above = 32 >> min(31, (2 * y) >> scale)
        for x in range(width):
            from_left = 32 >> min(31, (2 * x) >> scale)
            if from_above + from_left:
                rest = 64 - from_above - from_left
                mixed = from_left * edge[corner - 1 - y] + from_above * edge[corner + 1 + x] + rest * out[y, x]
                out[y, x] = (mixed + 32) >> 6


@inner
def _angular(mode, edge, smooth, width, height, line, out):
    """Directions: upright ones as they are, others with rows and columns exchanged."""
    corner = width + height
    upright = mode >= DIAGONAL
    across = width if upright else height
    along = height if upright else width
    sign = 1 if upright else -1
    angle, inverse = np.int64(ANGLE[mode]), np.int64(INVERSE[mode])
    away = min(abs(mode - HORIZONTAL), abs(mode - VERTICAL))
    soft = away > _SMOOTH_FROM[(log2(width) + log2(height)) >> 1]
    source = smooth if soft and (angle & 31) == 0 and angle != 0 else edge
    # line[64 + k] is sample k along the main side, 0 the corner; below 64 what the other side projects there.
    for k in range(corner + 1):
        line[64 + k] = source[corner + sign * k]
    for k in range(1, 4):
        line[64 + corner + k] = line[64 + corner]
    if angle < 0:
        for k in range(1, along + 1):
            line[64 - k] = source[corner - sign * min((k * inverse + 256) >> 9, along)]
    else:
        line[63] = line[64]
    filtered = 1 if soft else 0
    for row in range(along):
        shift = (row + 1) * angle
        start, part = 64 + (shift >> 5), shift & 31
        for column in range(across):
            at = start + column
            if part == 0:
                value = np.int64(line[at + 1])
            else:
                value = np.int64(0)
                for tap in range(4):
                    value += np.int64(TAPS[filtered, part, tap]) * line[at + tap]
                value = min(max((value + 32) >> 6, 0), 255)
            if upright:
                out[row, column] = value
            else:
                out[column, row] = value
    if angle >= 0:
        _fade_along(edge, upright, angle, inverse, across, along, out)


@inner
def _fade_along(edge, upright, angle, inverse, across, along, out):
    """Draws samples near the other side towards what the direction meets there."""
    corner = across + along
    sign = 1 if upright else -1
    scale = (log2(across) + log2(along) - 2) >> 2
    if 0 < angle < 32:
        scale = min(2, log2(along) - log2_floor(3 * inverse - 2) + 8)
        if scale < 0:
            return
    for column in range(min(across, 3 << scale)):
        weight = 32 >> ((2 * column) >> scale)
        for row in range(along):
            value = np.int64(out[row, column] if upright else out[column, row])
            if angle == 0:
                value += (weight * (edge[corner - sign * (row + 1)] - edge[corner]) + 32) >> 6
                value = min(max(value, 0), 255)
            else:
                place = min(row + 1 + (((column + 1) * inverse + 256) >> 9), corner)
                value += (weight * (edge[corner - sign * place] - value) + 32) >> 6
            if upright:
                out[row, column] = value
            else:
                out[column, row] = value
