"""What the decoder knows of a picture between the base layer and the end: each operator takes it a step further."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.planes import Planes
from lightning_dlic.imaging.numpy.resize import enlarge

if TYPE_CHECKING:
    # It imports Numba, which pictures without hints do without.
    from lightning_dlic.codec.hints.base import Coloring

U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Layers:
    """A picture on its way through a decoder.

    Attributes:
        base: The base layer as every decoder has it: regions of hints are cut from its luma.
        planes: The base layer as operators have left it.
        scale: Whole factor by which it is smaller than the picture.
        height: Of the picture that operators make.
        width: Of the picture that operators make.
        step: Binary logarithm of the base codec's quantiser step; None where it is not known.
        alpha: How much networks may make up, 0, faithful, to 1, vivid.
        coloring: Decoded hints; None where colour is the base layer's, or where there is none.
        luma: Y' at the picture's size, once something has enlarged it, uint8 ``[height, width]``.
        picture: The finished picture, uint8 ``[height, width, 3]``.
        final: Factor, height and width of the whole picture, where it lies between two scales; `scale`, and what
            operators make, are then those of the larger one.
    """

    base: Planes
    planes: Planes
    scale: int
    height: int
    width: int
    step: float | None = None
    alpha: float = 0.0
    coloring: Coloring | None = None
    luma: U8 | None = None
    picture: U8 | None = None
    final: tuple[float, int, int] | None = None

    def enlarged(self) -> U8:
        """Y' at the picture's size: by what has enlarged it, or else by bicubic interpolation."""
        return enlarge(self.planes.y, self.scale, self.height, self.width) if self.luma is None else self.luma


class Advances(Protocol):
    """A network at work in the decoder."""

    def advance(self, layers: Layers) -> Layers:
        """Takes a picture a step further; gives it back as it is where there is nothing to do."""
        ...
