"""No hints: a chunk that only says that a network shall guess the colours."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lightning_dlic.codec.errors import BitstreamError
from lightning_dlic.codec.hints.base import I32, U8, Coloring, Head, Hints
from lightning_dlic.codec.hints.regions import reduction


class NoHints(Hints):
    """No colour is sent: a network guesses all of them, or the picture stays grey."""

    name: ClassVar[str] = "none"
    number: ClassVar[int | None] = 3

    def labels(self, luma: U8, count: int) -> I32:
        """See `Hints.labels`; one region."""
        return np.zeros(luma.shape, np.int32)

    def decode(self, body: bytes, luma: U8) -> Coloring:
        """See `Hints.decode`; there is nothing to decode."""
        if body:
            raise BitstreamError("hints, byte 1: a chunk without hints goes on behind its kind")
        return guessed(luma)


def guessed(luma: U8) -> Coloring:
    """One region, of the size of the guide, that names the network's first branch."""
    factor, colors = reduction(*luma.shape), np.zeros((1, 2), np.int64)
    labels = np.zeros([-(-side // factor) for side in luma.shape], np.int32)
    return Coloring(Head(1, 1, 1, net=True), labels, colors, np.zeros(1, np.int64), np.zeros(1, np.bool_), factor)
