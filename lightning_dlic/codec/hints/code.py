"""All regions' colours: decoded from bytes, or chosen by the encoder so that error and bytes together are least."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.hints import syntax
from lightning_dlic.codec.hints.coder import READ, Coder
from lightning_dlic.codec.hints.regions import Regions
from lightning_dlic.imaging.jit import njit

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
# Squared errors of R, G and B together for one of Cb and Cr: of each, and of their product.
BLUE, RED, BOTH = 1.772**2 + 0.344136**2, 1.402**2 + 0.714136**2, 2 * 0.344136 * 0.714136


def run(
    coder: Coder, regions: Regions, step: int, branches: int, targets: F64, worth: F64, price: float, named: I64
) -> tuple[I64, NDArray[np.bool_]]:
    """Codes every region's colour or branch.

    Args:
        coder: Writes, reads or counts.
        regions: In the order of coding.
        step: Of the differences, in levels.
        branches: Among which regions may name one; 0 where all send colours.
        targets: Wanted colours ``[n, 2]`` in levels; not looked at when reading.
        worth: How much a squared error of each counts ``[n]``.
        price: Of a bit, in squared errors.
        named: The branch that each region names, -1 for a colour, ``[n]``; filled in when reading.

    Returns:
        Colours in 1/16 levels, int64 ``[n, 2]``, and which regions send a difference, ``[n]``. The colour of a region
        that names a branch is its prediction.
    """
    ways = regions.neighbours, regions.weights, regions.spacing, *regions.doubted
    colors, signals = _run(coder, *ways, step, branches, targets, worth, price, named)
    return colors, (signals != 0).any(1)


@njit(cache=True)
def _run(coder, neighbours, weights, spacing, doubts, buckets, step, branches, targets, worth, price, named):  # type: ignore[no-untyped-def]
    count = spacing.size
    colors, signals = np.zeros((count, 2), np.int64), np.zeros((count, 2), np.int64)
    guess, signal = np.zeros(2, np.int64), np.zeros(2, np.int64)
    for rank in range(count):
        syntax.predict(colors, neighbours, weights, rank, guess)
        if branches and syntax.code_branch(coder, branches, named, rank):
            colors[rank] = guess
            continue
        if doubts.size:
            bucket = syntax.doubted(buckets, doubts, colors, signals, neighbours, weights, rank, guess, step)
            zero, shift = syntax.bucket_models(bucket)
        else:
            zero, shift = syntax.context(signals, neighbours, spacing, rank), 0
        if coder.state[0] != READ:
            _choose(coder.models, zero, shift, guess, step, targets[rank], worth[rank], price, signal)
        syntax.code_difference(coder, zero, shift, signal)
        signals[rank, 0], signals[rank, 1] = signal[0], signal[1]
        syntax.apply(colors, rank, guess, signal, step)
    return colors, signals


@njit(cache=True)
def _choose(models, zero, shift, guess, step, target, worth, price, signal):  # type: ignore[no-untyped-def]
    """The difference of least error and cost among: none, the nearest, and the next towards none, for either plane."""
    one = 1.0 / (1 << syntax.POINT)
    apart_blue, apart_red = target[0] - guess[0] * one, target[1] - guess[1] * one
    top_blue, top_red = np.int64(round(apart_blue / step)), np.int64(round(apart_red / step))
    best = np.inf
    for first in range(3):
        blue = np.int64(0) if first == 0 else top_blue - np.sign(top_blue) * (first - 1)
        for second in range(3):
            red = np.int64(0) if second == 0 else top_red - np.sign(top_red) * (second - 1)
            off_blue, off_red = apart_blue - blue * step, apart_red - red * step
            error = BLUE * off_blue * off_blue + RED * off_red * off_red + BOTH * off_blue * off_red
            cost = worth * error + price * syntax.difference_cost(models, zero, shift, blue, red)
            if cost < best:
                best = cost
                signal[0], signal[1] = blue, red
