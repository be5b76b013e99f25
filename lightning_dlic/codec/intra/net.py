"""The integer predictors, compiled: one block at a time, the same bits as `predictor.IntegerPredictor`."""

# Compiled code is typed by Numba.
# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlic_registry import DlicError
from lightning_dlic.codec.intra.jit import inner
from lightning_dlic.codec.intra.predictor import LEAK, IntegerPredictor
from lightning_dlic.codec.intra.syntax import DONE
from lightning_dlic.codec.intra.tables import SIDES
from lightning_dlic.imaging.numpy.blocks import GREY, REACH

ROOM = 4096
"""Inputs or outputs of the widest layer."""
DIFFERENCES, OUTPUT, HIDDEN = range(3)
"""Places of a network's layers in `Nets.layers`; hidden ones follow each other."""
_LAST = {"differences": DIFFERENCES, "output": OUTPUT}


class Nets(NamedTuple):
    """Networks for blocks of 4, 8 and 16, flattened.

    Attributes:
        layers: int64 ``[3, layers, 4]``: inputs, outputs, first weight and first bias of the differences, the last
            layer, then the hidden ones; 0 outputs where there is no layer.
        weights: int8.
        biases: int32.
        shifts: int32, beside the biases.
    """

    layers: NDArray[np.int64]
    weights: NDArray[np.int8]
    biases: NDArray[np.int32]
    shifts: NDArray[np.int32]


def flatten(predictors: Sequence[IntegerPredictor]) -> Nets:
    """Brings predictors into the form that compiled code takes.

    Raises:
        DlicError: A layer is wider than there is room for.
    """
    found = [(predictor, predictor.named()) for predictor in predictors]
    widest = max((max(layer.weight.shape) for _, layers in found for layer in layers.values()), default=0)
    if widest > ROOM:
        raise DlicError(f"intra takes predictors with layers of at most {ROOM} inputs and outputs, not {widest}")
    depth = max((len(predictor.hidden) for predictor in predictors), default=0)
    index = np.zeros((3, HIDDEN + depth, 4), np.int64)
    weights, biases, shifts = [np.zeros(0, np.int8)], [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    first, offset = 0, 0
    for predictor, layers in found:
        for name, layer in layers.items():
            outputs, inputs = layer.weight.shape
            place = HIDDEN + int(name.split(".")[1]) if "." in name else _LAST[name]
            index[predictor.m.bit_length() - 3, place] = inputs, outputs, first, offset
            first, offset = first + layer.weight.size, offset + outputs
            weights.append(layer.weight.ravel())
            biases.append(layer.bias)
            shifts.append(layer.shift)
    return Nets(index, np.concatenate(weights), np.concatenate(biases), np.concatenate(shifts))


def sizes(predictors: Sequence[IntegerPredictor]) -> int:
    """How many predictions the networks for blocks of 4, 8 and 16 give of one view, five bits each."""
    return sum(predictor.branches << 5 * SIDES.index(predictor.m) for predictor in predictors)


@inner
def _context(plane, x, y, m, view, out):
    """The context in a view, less its mean, into ``out``; returns the mean."""
    pixels, maps = plane.pixels, plane.maps
    total, count, place = np.int64(0), np.int64(0), 0
    for part in range(2):
        rows = m if part == 0 else 2 * m
        columns = 3 * m if part == 0 else m
        top = -m if part == 0 else 0
        for down in range(top, top + rows):
            for right in range(-m, columns - m):
                row, column = (y + right, x + down) if view & 1 else (y + down, x + right)
                inside = row >= 0 and column >= 0 and row < pixels.shape[0] and column < pixels.shape[1]
                if inside and maps[DONE, row >> 2, column >> 2]:
                    out[place] = 255 - pixels[row, column] if view & 2 else pixels[row, column]
                    total += out[place]
                    count += 1
                else:
                    out[place] = -1
                place += 1
    mean = (2 * total + count) // (2 * count) if count else np.int64(GREY)
    for index in range(place):
        out[index] = min(max(out[index] - mean, -REACH), REACH) if out[index] >= 0 else 0
    return mean


@inner
def _layer(weights, first, inputs, outputs, x, out):
    """Sums of products; ``x`` is int16. A slice a row and narrow numbers are what makes compilers use wide ones."""
    for row in range(outputs):
        total = np.int32(0)
        line = weights[first + row * inputs : first + (row + 1) * inputs]
        for column in range(inputs):
            total += np.int32(np.int32(line[column]) * np.int32(x[column]))
        out[row] = total


@inner
def _hidden_layers(nets, plane, x, y, m, view, room):
    """All but the last layer for the block of side ``m`` at (x, y); ``room`` is int32 ``[2, n]`` of scratch.

    Returns:
        The context's mean; and what the last hidden layer gave, followed by the context, int16.
    """
    which = 0 if m == 4 else 1 if m == 8 else 2
    context, sums, source = room[0], room[1], np.empty(ROOM, np.int16)
    mean = _context(plane, x, y, m, view, context)
    size, outputs = 5 * m * m, np.int64(0)
    source[:size] = context[:size]
    for layer in range(HIDDEN, nets.layers.shape[1]):
        if nets.layers[which, layer, 1] == 0:
            break
        inputs, outputs = nets.layers[which, layer, 0], nets.layers[which, layer, 1]
        first, offset = nets.layers[which, layer, 2], nets.layers[which, layer, 3]
        _layer(nets.weights, first, inputs, outputs, source, sums)
        for unit in range(outputs):
            total = np.int64(sums[unit]) + nets.biases[offset + unit]
            shift = np.int64(nets.shifts[offset + unit])
            if total < 0:
                shift += LEAK
            source[unit] = min(max((total + (1 << (shift - 1))) >> shift, -REACH), REACH)
    source[outputs : outputs + size] = context[:size]
    return mean, source


@inner
def _rows(nets, which, layer, first_row, count, x, sums, out):
    """Some outputs of a last layer, shifted and rounded, into ``out``."""
    inputs = nets.layers[which, layer, 0]
    offset = nets.layers[which, layer, 3] + first_row
    _layer(nets.weights, nets.layers[which, layer, 2] + first_row * inputs, inputs, count, x, sums)
    for column in range(count):
        shift = np.int64(nets.shifts[offset + column])
        out[column] = (np.int64(sums[column]) + nets.biases[offset + column] + (1 << (shift - 1))) >> shift


@inner
def predictions(nets, plane, x, y, width, height, view, count, room, out):
    """The first ``count`` predictions of a block by the network for its longer side, into ``out[:count]``.

    The network predicts of the transposed or inverted picture, as the view says (`imaging.numpy.blocks.VIEWS`), and
    what it predicts is transposed or inverted back.
    """
    m = max(width, height)
    which = 0 if m == 4 else 1 if m == 8 else 2
    mean, units = _hidden_layers(nets, plane, x, y, m, view, room)
    own = nets.layers[which, OUTPUT, 1] // (m * m)
    rows, columns = (width, height) if view & 1 else (height, width)
    first, line = room[0], np.zeros(32, np.int32)
    for branch in range(count):
        differs = branch >= own
        layer, start = (DIFFERENCES, branch - own) if differs else (OUTPUT, branch)
        for row in range(rows):
            _rows(nets, which, layer, (start * m + row) * m, columns, units, room[1], line)
            for column in range(columns):
                value = line[column]
                if branch == 0:
                    first[row * m + column] = value
                elif differs:
                    value += first[row * m + column]
                value = min(max(mean + value, 0), 255)
                if view & 2:
                    value = 255 - value
                if view & 1:
                    out[branch, column, row] = value
                else:
                    out[branch, row, column] = value
