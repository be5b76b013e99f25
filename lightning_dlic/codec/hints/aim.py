"""What the encoder of hints comes near to: a decoded base layer, and the chroma that it should have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.hints.regions import guide, reduction

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


@dataclass
class Aim:
    """A decoded base layer and the chroma that it should have.

    Attributes:
        luma: The guide, uint8 ``[h, w]``.
        chroma: Cb and Cr in levels about 0, float32 ``[2, h, w]``.
        factor: Pixels of the picture, each way, for a place of the guide.
    """

    luma: U8
    chroma: F32
    factor: int = 1

    @classmethod
    def of(cls, base: U8, chroma: F32, scale: int = 1) -> Aim:
        """From a base layer ``[h, w]`` and the chroma, float32 ``[2, H, W]``, of the ``scale`` times larger picture."""
        small = guide(base)
        whole = scale * reduction(*base.shape)
        return cls(small, np.stack([_fit(plane, small.shape, whole) for plane in chroma]), whole)

    def shrunk(self, chroma: F32) -> F32:
        """Chroma ``[2, H, W]`` of the whole picture at the guide's size."""
        return np.stack([_fit(plane, self.luma.shape, self.factor) for plane in chroma])


def _fit(plane: F32, shape: tuple[int, ...], whole: int) -> F32:
    """Means over the squares of ``whole`` pixels a side that fall to each place of a smaller plane."""
    margin = [(0, side * whole - size) for side, size in zip(shape, plane.shape, strict=True)]
    padded = np.pad(plane, margin, mode="edge")
    mean: F32 = padded.reshape(shape[0], whole, shape[1], whole).mean((1, 3), dtype=np.float32)
    return mean
