"""The best branch at every pixel: what a network's hypotheses could do if their choice cost next to nothing."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.hints import coder as coding
from lightning_dlic.codec.hints.base import I32, U8, Hints
from lightning_dlic.codec.hints.coder import code_bit
from lightning_dlic.codec.hints.syntax import MAX_BRANCHES
from lightning_dlic.imaging.jit import njit


class Oracle(Hints):
    """The best branch at every pixel (Baig and Torresani 2017): an upper bound with its real bytes, not a codec."""

    name: ClassVar[str] = "oracle"
    sends: ClassVar[bool] = False

    def labels(self, luma: U8, count: int) -> I32:
        """See `Hints.labels`; each pixel is a region."""
        return np.arange(luma.size, dtype=np.int32).reshape(luma.shape)

    @staticmethod
    def code(branches: NDArray[np.integer]) -> bytes:
        """What a map of branches costs, coded pixel by pixel with its left and upper neighbour as context.

        Args:
            branches: Branch of each pixel, ``[H, W]``, each below `MAX_BRANCHES`.

        Raises:
            ValueError: A branch is out of range.
        """
        if branches.size and not 0 <= branches.min() <= branches.max() < MAX_BRANCHES:
            raise ValueError(f"branches must be from 0 to {MAX_BRANCHES - 1}")
        models = np.full((MAX_BRANCHES**3, 2), (32768, 2), np.int64)
        writer = coding.writer(branches.size * 4 + 64, models)
        _code(writer, np.ascontiguousarray(branches, np.int64), int(branches.max(initial=0)))
        return coding.finish(writer)


@njit(cache=True)
def _code(coder, branches, most):  # type: ignore[no-untyped-def]
    for y in range(branches.shape[0]):
        for x in range(branches.shape[1]):
            left = branches[y, x - 1] if x else 0
            up = branches[y - 1, x] if y else 0
            first = (left * MAX_BRANCHES + up) * MAX_BRANCHES
            for index in range(most):
                if not code_bit(coder, first + index, np.int64(branches[y, x] > index)):
                    break
