"""`lightning_dlic.imaging.guided` in NumPy, for decoders without torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
_LEAST = np.float32(1e-6)


def guided_lines(guide: F32, known: F32, radius: int, epsilon: float) -> tuple[F32, F32]:
    """Fits planes by lines of a guide in windows, and averages the lines; every place is known.

    Args:
        guide: Luma ``[1, H, W]`` in [0, 1].
        known: ``[C, H, W]``.
        radius: Of the windows, in pixels.
        epsilon: Variance of the guide below which it counts as flat.

    Returns:
        Slope and offset, each ``[C, H, W]``.
    """
    channels, ones = len(known), np.ones_like(guide)
    moments = _box(np.concatenate((ones, guide, guide * guide, known, known * guide)), radius)
    mean = moments / moments[:1]
    light, square = mean[1:2], mean[2:3]
    levels, product = mean[3 : 3 + channels], mean[3 + channels :]
    variance = np.maximum(square - light**2, 0)
    slope = (product - light * levels) / (variance + np.float32(epsilon))
    offset = levels - slope * light
    sums = _box(np.concatenate((moments[:1], moments[:1] * slope, moments[:1] * offset)), radius)
    found = (sums[1:] / np.maximum(sums[:1], _LEAST)).astype(np.float32)
    return found[:channels], found[channels:]


def _box(x: F32, radius: int) -> F32:
    """Sums over squares around each place, cut off at the borders."""
    for axis in (2, 1):
        # In double precision: a running sum over a whole row loses digits.
        total = np.concatenate((np.zeros_like(x.take([0], axis), np.float64), np.cumsum(x, axis, np.float64)), axis)
        place = np.arange(x.shape[axis])
        upper = total.take(np.minimum(place + radius + 1, len(place)), axis)
        x = (upper - total.take(np.maximum(place - radius, 0), axis)).astype(np.float32)
    return x
