"""Decoded hints as planes, for networks."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.hints.base import Coloring
from lightning_dlic.imaging.hint_planes import SIDE, STEP

F32 = NDArray[np.float32]
Number = TypeVar("Number", bound=np.generic)


def paint(hints: Coloring, size: tuple[int, int]) -> F32:
    """Hints as networks for colour take them.

    Args:
        hints: Decoded hints.
        size: Height and width of the picture, of which the labels cover the whole.

    Returns:
        ``[6, H, W]``, as `ColorNet` says.
    """
    known = (hints.branches < 0).astype(np.float32)
    side = np.float32((size[0] * size[1] / len(known)) ** 0.5 / SIDE)
    step = np.float32(hints.head.step / STEP)
    colors = hints.levels().T / np.float32(255.0)
    facts: F32 = np.stack([*colors, known, known * side, known * step, known * hints.sent])
    return enlarged(facts[:, hints.labels], size)


def enlarged(planes: NDArray[Number], size: tuple[int, int]) -> NDArray[Number]:
    """Planes ``[..., h, w]`` under a larger picture of the same extent: each pixel takes the place that it lies in."""
    height, width = planes.shape[-2:]
    if (height, width) == size:
        return planes
    down, across = np.arange(size[0]) * height // size[0], np.arange(size[1]) * width // size[1]
    return planes[..., down[:, None], across]
