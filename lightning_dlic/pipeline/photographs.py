"""Whether a picture is a photograph: what networks trained on photographs are for. A stated, measured rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.imaging.numpy.color import luma

U8 = NDArray[np.uint8]
I16 = NDArray[np.int16]
# Pixels of a side that are looked at; of larger pictures blocks all over.
_SIDE, _BLOCK = 1024, 32
# Levels within which neighbours are flat, and from which they are a jump.
_FLAT, _JUMP = 2, 48
_EDGES, _MOST = 2.0, 0.65


@dataclass(frozen=True)
class Traits:
    """What drawings, screenshots and text have, and photographs have not.

    Attributes:
        equal: Share of neighbours, across and down, that are the same in all channels.
        sharp: Share of the jumps of luma that rise within two pixels out of a flat place.
    """

    equal: float
    sharp: float

    @property
    def photograph(self) -> bool:
        """Whether the picture is taken for a photograph: ``equal + 2 * sharp`` is less than .65."""
        return self.equal + _EDGES * self.sharp < _MOST


def traits(picture: U8) -> Traits:
    """Looks at a picture.

    Args:
        picture: uint8 ``[H, W, 3]``, or ``[H, W]`` for grey.
    """
    seen = _sample(picture)
    light = (luma(seen) if seen.ndim == 3 else seen).astype(np.int16)
    ways = light, light.T, light[:, ::-1], light.T[:, ::-1]
    # A smooth sky has neighbours of equal luma; of equal colour it has few.
    planes = np.atleast_3d(seen)
    same = [(np.diff(planes, axis=axis) == 0).all(axis=2) for axis in (1, 0)]
    jumps = [_jumps(way) for way in ways]
    total = sum(count for _, count in jumps)
    equal = sum(int(each.sum()) for each in same) / max(1, sum(each.size for each in same))
    return Traits(equal, sum(sharp for sharp, _ in jumps) / max(1, total))


def _jumps(light: I16) -> tuple[int, int]:
    """How many jumps to the right over two pixels rise out of three flat ones, and how many there are."""
    steps = np.abs(np.diff(light, axis=1)) <= _FLAT
    jump = np.abs(light[:, 4:] - light[:, 2:-2]) > _JUMP
    flat = steps[:, : jump.shape[1]] & steps[:, 1 : 1 + jump.shape[1]]
    return int((jump & flat).sum()), int(jump.sum())


def _sample(picture: U8) -> U8:
    for axis in (0, 1):
        length = picture.shape[axis]
        every = -(-length // _SIDE)
        if every > 1:
            picture = np.compress(np.arange(length) // _BLOCK % every == 0, picture, axis)
    return picture
