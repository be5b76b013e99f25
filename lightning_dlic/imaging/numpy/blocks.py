"""Causal contexts of square blocks, in NumPy: what a codec knows around a block when it predicts it.

The context of an m x m block at (y, x) has 5 m^2 samples, row by row (Dumas, Roumy and Guillemot, TIP 2019): first the
part above, m rows and 3m columns from (y - m, x - m), then the part to the left, 2m rows and m columns from (y, x - m).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

GREY = 128
"""Taken for the mean where nothing is known."""
REACH = 127
"""Samples further from the mean than this are clipped to it."""
VIEWS = 4
"""Views of a picture of which a network may predict: as it is, transposed (bit 0), inverted (bit 1), and both."""


@lru_cache(maxsize=16)
def layout(m: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the context's samples, seen from the block's upper left corner.

    Args:
        m: Side of the block.

    Returns:
        Two arrays ``[5 m^2]`` with values in [-m, 2m).
    """
    above = np.mgrid[-m:0, -m : 2 * m].reshape(2, -1)
    left = np.mgrid[0 : 2 * m, -m:0].reshape(2, -1)
    rows, columns = np.concatenate([above, left], axis=1).astype(np.int64)
    return rows, columns


def cut_contexts(
    plane: NDArray[np.uint8], known: NDArray[np.bool_], y: NDArray[np.int64], x: NDArray[np.int64], m: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Cuts the contexts of several blocks of a plane.

    Args:
        plane: uint8 ``[H, W]``.
        known: Which of its samples are decoded.
        y: Rows of the blocks' corners, ``[N]``.
        x: Their columns.
        m: Side of the blocks.

    Returns:
        Contexts, uint8 ``[N, 5 m^2]``, and what of them is available, 0 or 1; what is not is 0.
    """
    rows, columns = (corner[:, None] + offset for corner, offset in zip((y, x), layout(m), strict=True))
    height, width = plane.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
    available = inside & known[rows, columns]
    return np.where(available, plane[rows, columns], 0).astype(np.uint8), available.astype(np.uint8)


def center(context: NDArray[np.integer], available: NDArray[np.integer]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Takes the mean of what is available from a context.

    Args:
        context: ``[N, 5 m^2]`` in [0, 255].
        available: Of the same shape, 0 or 1.

    Returns:
        int32 ``[N, 5 m^2]`` in [-127, 127], 0 where unavailable, and the means, int32 ``[N]``, rounded half up.
    """
    weight = available.astype(np.int32)
    count = weight.sum(axis=1, dtype=np.int32)
    total = (context.astype(np.int32) * weight).sum(axis=1, dtype=np.int32)
    mean = np.where(count > 0, (2 * total + count) // np.maximum(2 * count, 1), GREY).astype(np.int32)
    return ((context.astype(np.int32) - mean[:, None]) * weight).clip(-REACH, REACH), mean
