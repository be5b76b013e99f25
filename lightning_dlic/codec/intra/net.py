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
from lightning_dlic.imaging.blocks_np import GREY, REACH

ROOM = 4096
"""Inputs or outputs of the widest layer."""


class Nets(NamedTuple):
    """Networks for blocks of 4, 8 and 16, flattened.

    Attributes:
        layers: int64 ``[3, layers, 4]``: inputs, outputs, first weight and first bias of each layer; 0 outputs where
            there is no layer.
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
    widest = max((max(layer.weight.shape) for predictor in predictors for layer in predictor.layers), default=0)
    if widest > ROOM:
        raise DlicError(f"intra takes predictors with layers of at most {ROOM} inputs and outputs, not {widest}")
    depth = max((len(predictor.layers) for predictor in predictors), default=1)
    index = np.zeros((3, depth, 4), np.int64)
    weights, biases, shifts = [np.zeros(0, np.int8)], [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    first, offset = 0, 0
    for predictor in predictors:
        for number, layer in enumerate(predictor.layers):
            outputs, inputs = layer.weight.shape
            index[predictor.m.bit_length() - 3, number] = inputs, outputs, first, offset
            first, offset = first + layer.weight.size, offset + outputs
            weights.append(layer.weight.ravel())
            biases.append(layer.bias)
            shifts.append(layer.shift)
    return Nets(index, np.concatenate(weights), np.concatenate(biases), np.concatenate(shifts))


def sizes(predictors: Sequence[IntegerPredictor]) -> int:
    """How many predictions the networks for blocks of 4, 8 and 16 give, five bits each."""
    return sum(predictor.branches << 5 * SIDES.index(predictor.m) for predictor in predictors)


@inner
def _context(plane, x, y, m, out):
    """The context less its mean, into ``out``; returns the mean."""
    pixels, maps = plane.pixels, plane.maps
    total, count, place = np.int64(0), np.int64(0), 0
    for part in range(2):
        rows = m if part == 0 else 2 * m
        columns = 3 * m if part == 0 else m
        top = y - m if part == 0 else y
        for row in range(top, top + rows):
            for column in range(x - m, x - m + columns):
                inside = row >= 0 and column >= 0 and row < pixels.shape[0] and column < pixels.shape[1]
                if inside and maps[DONE, row >> 2, column >> 2]:
                    out[place] = pixels[row, column]
                    total += pixels[row, column]
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
    for row in range(outputs):
        total = np.int32(0)
        start = first + row * inputs
        for column in range(inputs):
            total += np.int32(np.int32(weights[start + column]) * x[column])
        out[row] = total


@inner
def _hidden_layers(nets, plane, x, y, m, room):
    """All but the last layer for the block of side ``m`` at (x, y); ``room`` is int32 ``[3, n]`` of scratch.

    Returns:
        The context's mean. The last layer's inputs are in ``room[1]``.
    """
    which = 0 if m == 4 else 1 if m == 8 else 2
    context, source, sums = room[0], room[1], room[2]
    mean = _context(plane, x, y, m, context)
    size, inputs = 5 * m * m, np.int64(0)
    for place in range(size):
        source[place] = context[place]
    for layer in range(_last_layer(nets, which)):
        inputs, outputs = nets.layers[which, layer, 0], nets.layers[which, layer, 1]
        first, offset = nets.layers[which, layer, 2], nets.layers[which, layer, 3]
        _layer(nets.weights, first, inputs, outputs, source, sums)
        for unit in range(outputs):
            total = np.int64(sums[unit]) + nets.biases[offset + unit]
            shift = np.int64(nets.shifts[offset + unit])
            if total < 0:
                shift += LEAK
            source[unit] = min(max((total + (1 << (shift - 1))) >> shift, -REACH), REACH)
        for place in range(size):
            source[outputs + place] = context[place]
    return mean


@inner
def _last_layer(nets, which):
    depth = nets.layers.shape[1]
    while nets.layers[which, depth - 1, 1] == 0:
        depth -= 1
    return depth - 1


@inner
def _output_layer(nets, m, branch, mean, room, width, height, out):
    """A branch's prediction of the first columns and rows of a block of side ``m``, into ``out[:height, :width]``."""
    which = 0 if m == 4 else 1 if m == 8 else 2
    layer, source = _last_layer(nets, which), room[1]
    inputs = nets.layers[which, layer, 0]
    for row in range(height):
        unit = (branch * m + row) * m
        first, offset = nets.layers[which, layer, 2] + unit * inputs, nets.layers[which, layer, 3] + unit
        _layer(nets.weights, first, inputs, width, source, room[2])
        for column in range(width):
            shift = np.int64(nets.shifts[offset + column])
            total = np.int64(room[2, column]) + nets.biases[offset + column]
            out[row, column] = min(max(mean + ((total + (1 << (shift - 1))) >> shift), 0), 255)


@inner
def predictions(nets, plane, x, y, width, height, count, room, out):
    """The first ``count`` predictions of a block by the network for its longer side, into ``out[:count]``."""
    side = max(width, height)
    mean = _hidden_layers(nets, plane, x, y, side, room)
    for branch in range(count):
        _output_layer(nets, side, branch, mean, room, width, height, out[branch])
