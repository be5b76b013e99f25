"""Hints by superpixels."""

from __future__ import annotations

from typing import ClassVar

from lightning_dlic.codec.hints.base import I32, U8, Hints
from lightning_dlic.imaging.superpixels import slic


class Segmentation(Hints):
    """A colour for each superpixel of the decoded luma; their shapes cost nothing, as both ends find them."""

    name: ClassVar[str] = "segmentation"
    number: ClassVar[int | None] = 2

    def labels(self, luma: U8, count: int) -> I32:
        """See `Hints.labels`."""
        return slic(luma, count)
