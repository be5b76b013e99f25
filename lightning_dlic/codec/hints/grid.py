"""Hints by cells of a grid."""

from __future__ import annotations

from math import isqrt
from typing import ClassVar

import numpy as np

from lightning_dlic.codec.hints.base import I32, U8, Hints


class Grid(Hints):
    """A colour for each cell of a grid of equal cells, nearly square."""

    name: ClassVar[str] = "grid"
    number: ClassVar[int | None] = 1

    def labels(self, luma: U8, count: int) -> I32:
        """See `Hints.labels`; the luma does not matter."""
        height, width = luma.shape
        # The side of a cell in sixteenths of a pixel.
        step = max(16, isqrt(256 * height * width // count))
        rows, columns = (min(side, max(1, (16 * side + step // 2) // step)) for side in (height, width))
        down, across = np.arange(height) * rows // height, np.arange(width) * columns // width
        labels: I32 = (down[:, None] * columns + across).astype(np.int32)
        return labels
