"""Planes into a payload."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lightning_dlic.codec.intra.arithmetic import Coder, counter, writer
from lightning_dlic.codec.intra.deblock import STRENGTHS
from lightning_dlic.codec.intra.decoder import STRENGTH_BITS, finished, picture_models, spare
from lightning_dlic.codec.intra.entry import code_block, code_number, end
from lightning_dlic.codec.intra.leaf import AT, Trials, new_work
from lightning_dlic.codec.intra.net import flatten, sizes
from lightning_dlic.codec.intra.predictor import IntegerPredictor
from lightning_dlic.codec.intra.search import Search
from lightning_dlic.codec.intra.syntax import new_plane
from lightning_dlic.codec.intra.tables import CTU, STEP
from lightning_dlic.codec.intra.tree import new_walk
from lightning_dlic.codec.planes import U8, Planes, pad
from lightning_dlic.imaging.numpy.blocks import VIEWS

BIT_WEIGHT = 0.09
"""What a bit costs in squared error, as a share of the squared distance of two levels."""


def encode_planes(
    planes: Planes, quality: int, trials: Trials, predictors: Sequence[IntegerPredictor], thrift: float = 1.0
) -> bytes:
    """What follows the head of a payload.

    Args:
        planes: The picture.
        quality: Step.
        trials: What to try.
        predictors: Networks to use for luma.
        thrift: What a bit costs, times the usual.
    """
    luma, chroma = picture_models(quality, bool(predictors))
    room = 4096 + 8 * sum(plane.size for plane in planes.each())
    coder = writer(room, luma)
    for index, plane in enumerate(planes.each()):
        coder = coder._replace(models=chroma if index else luma)
        strength = encode_plane(coder, plane, quality, trials, () if index else predictors, thrift)
        code_number(coder, STRENGTH_BITS, strength)
    return coder.data[: end(coder, spare(*planes.size))].tobytes()


def encode_plane(
    coder: Coder,
    samples: U8,
    quality: int,
    trials: Trials,
    predictors: Sequence[IntegerPredictor],
    thrift: float = 1.0,
) -> int:
    """Writes a plane's blocks; its models learn. Returns how strongly its edges are best smoothed."""
    plane, nets, step = new_plane(*samples.shape), flatten(predictors), int(STEP[quality])
    rows, columns = plane.pixels.shape
    original = pad(samples, rows, columns).astype(np.int32)
    counting = counter(coder.models)
    # Levels of one quantiser are two steps apart, and steps count in sixteenths.
    weight = thrift * BIT_WEIGHT * (step / 8) ** 2
    numbers = [0, sizes(predictors), trials.modes, trials.predictions, step, min(max(trials.views, 1), VIEWS)]
    work = new_work(counting, plane, nets, original, numbers, weight)
    walk = new_walk(coder, plane, nets, sizes(predictors), step, work.tokens)
    search = Search(work, trials.halvings)
    for y in range(0, rows, CTU):
        for x in range(0, columns, CTU):
            counting.models[:], work.numbers[AT] = coder.models, 0
            search.block(x, y, CTU, CTU)
            code_block(walk, x, y)
    height, width = samples.shape
    wanted = samples.astype(np.int64)
    errors = [
        int(((finished(plane, quality, strength, height, width) - wanted) ** 2).sum()) for strength in range(STRENGTHS)
    ]
    return int(np.argmin(errors))
