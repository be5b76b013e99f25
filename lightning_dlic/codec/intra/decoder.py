"""Planes out of a payload."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.errors import BitstreamError
from lightning_dlic.codec.intra.arithmetic import reader, started_models
from lightning_dlic.codec.intra.deblock import smooth_edges, thresholds
from lightning_dlic.codec.intra.entry import code_block, code_number
from lightning_dlic.codec.intra.models import START
from lightning_dlic.codec.intra.net import flatten, sizes
from lightning_dlic.codec.intra.predictor import IntegerPredictor
from lightning_dlic.codec.intra.syntax import Plane, new_plane
from lightning_dlic.codec.intra.tables import CHROMA, CTU, LUMA, LUMA_NETWORKS, STEP
from lightning_dlic.codec.intra.tree import new_walk
from lightning_dlic.codec.planes import U8, Planes, chroma_size

STRENGTH_BITS = 2


def spare(height: int, width: int) -> int:
    """Zero bytes that the end of a payload may leave out."""
    return 16 + (height * width >> 14)


def picture_models(quality: int, networks: bool) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """What the models of luma, and those of chroma, begin with, each int32 ``[n, 3]``."""
    luma = START[LUMA_NETWORKS if networks else LUMA]
    return started_models(quality, luma), started_models(quality, START[CHROMA])


def decode_planes(
    body: bytes, size: tuple[int, int], color: bool, quality: int, predictors: Sequence[IntegerPredictor]
) -> Planes:
    """Decodes what follows the head of a payload.

    Args:
        body: Bytes of unknown origin.
        size: Height and width of the luma.
        color: Whether there is chroma; it has models of its own, and no networks.
        quality: Step.
        predictors: Networks that the encoder used.

    Raises:
        BitstreamError: The bytes end before the picture.
    """
    luma, chroma = picture_models(quality, bool(predictors))
    coder = reader(body, spare(*size), luma)
    found = []
    for index, (rows, columns) in enumerate([size] + [chroma_size(*size)] * (2 * color)):
        used = () if index else predictors
        coder = coder._replace(models=chroma if index else luma)
        plane = new_plane(rows, columns)
        walk = new_walk(coder, plane, flatten(used), sizes(used), int(STEP[quality]), np.zeros(1, np.int32))
        for y in range(0, rows, CTU):
            for x in range(0, columns, CTU):
                if not code_block(walk, x, y):
                    raise BitstreamError(f"intra payload: ends before the block at column {x}, row {y}")
        strength = int(code_number(coder, STRENGTH_BITS, 0))
        found.append(finished(plane, quality, strength, rows, columns))
    return Planes(*found)


def finished(plane: Plane, quality: int, strength: int, height: int, width: int) -> U8:
    """A plane with its edges smoothed, cut to size."""
    pixels = plane.pixels.copy()
    if strength:
        smooth_edges(pixels, plane.maps, *thresholds(quality, strength))
    return np.ascontiguousarray(pixels[:height, :width].astype(np.uint8))
