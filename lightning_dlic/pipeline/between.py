"""Between two quality steps of an encoder that has no finer ones: what it codes is changed a little instead.

What a step leaves out of a picture is where it differs from the next. A picture with more of that takes more bytes at
the coarser step, one with less takes fewer at the finer, and each ends up about as good as its bytes are many; the
former, by structural similarity, a little better. So that goes farther.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.planes import Planes

U8 = NDArray[np.uint8]
# From how near to the finer step that one codes; and how much more, and less, a whole step would be.
_NEAR = 0.3
_MORE, _LESS = 0.3, 0.25


def coding(quality: float) -> int:
    """The step that codes a quality between two."""
    return int(quality + _NEAR)


def between(planes: Planes, coarser: Planes, quality: float) -> Planes:
    """The picture to be coded at the step `coding` instead of at a quality between two.

    Args:
        planes: The picture.
        coarser: What the step below decodes to.
        quality: No whole number.
    """
    away = quality - coding(quality)
    gain = 1 + away * (_MORE if away > 0 else _LESS)
    return Planes(*(_mixed(own, base, gain) for own, base in zip(planes.each(), coarser.each(), strict=True)))


def _mixed(own: U8, base: U8, gain: float) -> U8:
    start = base.astype(np.float32)
    mixed = start + np.float32(gain) * (own - start)
    rounded: U8 = np.clip(np.round(mixed), 0, 255).astype(np.uint8)
    return rounded
