"""The encoder's search over partitions: every way that a block may be split is tried, and the cheapest is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.intra.entry import try_leaf, try_split
from lightning_dlic.codec.intra.leaf import AT, Work
from lightning_dlic.codec.intra.syntax import DONE

_NEVER = 1e30


@dataclass
class _Best:
    """What the cheapest way so far leaves behind."""

    cost: float
    error: float
    bits: float
    models: NDArray[np.int32]
    pixels: NDArray[np.int32]
    maps: NDArray[np.uint8]
    tokens: NDArray[np.int32]


class Search:
    """Searches one plane, a largest block at a time."""

    def __init__(self, work: Work, halvings: int) -> None:
        """Prepares a search.

        Args:
            work: What compiled code works on.
            halvings: How often a block may be halved; fewer is faster.
        """
        self.work, self.halvings = work, halvings
        self.rows, self.columns = work.plane.pixels.shape

    def block(self, x: int, y: int, width: int, height: int, halvings: int = 0) -> float:
        """Codes a block in the best way: decodes it, appends its tokens, adds its bits. Returns its squared error."""
        work, weight = self.work, float(self.work.weight[0])
        coder, start, bits = work.coder, int(work.numbers[AT]), float(work.coder.bits[0])
        models, best = coder.models.copy(), None
        area = np.s_[y : y + height, x : x + width]
        small = np.s_[:, y >> 2 : (y + height) >> 2, x >> 2 : (x + width) >> 2]
        for choice in self._choices(x, y, width, height, halvings):
            if best is not None:
                if choice and best.tokens[3] == 0 and best.tokens[0] == 0:
                    # A block that needs no levels is not worth splitting.
                    break
                coder.models[:], coder.bits[0], work.numbers[AT] = models, bits, start
            work.plane.maps[small][DONE] = 0
            limit = _NEVER if best is None else best.cost
            error = self._try(choice, (x, y, width, height), halvings, limit, bits)
            cost = error + weight * (float(coder.bits[0]) - bits)
            if best is None or cost < best.cost:
                tokens = work.tokens[start : work.numbers[AT]].copy()
                kept = work.plane.pixels[area].copy(), work.plane.maps[small].copy()
                best = _Best(cost, error, float(coder.bits[0]), coder.models.copy(), *kept, tokens)
        assert best is not None
        work.plane.pixels[area], work.plane.maps[small] = best.pixels, best.maps
        coder.models[:], coder.bits[0] = best.models, best.bits
        work.numbers[AT] = start + best.tokens.size
        work.tokens[start : work.numbers[AT]] = best.tokens
        return best.error

    def _choices(self, x: int, y: int, width: int, height: int, halvings: int) -> list[int]:
        """No split, into four, into upper and lower, into left and right: what may be tried."""
        if x + width > self.columns or y + height > self.rows:
            return [1]
        four = halvings == 0 and width == height and width > 4
        halve = halvings < self.halvings
        return [0] + [1] * four + [2] * (halve and height > 4) + [3] * (halve and width > 4)

    def _try(self, choice: int, block: tuple[int, int, int, int], halvings: int, limit: float, bits: float) -> float:
        x, y, width, height = block
        work, inside = self.work, x + width <= self.columns and y + height <= self.rows
        if choice == 0:
            return float(try_leaf(work, x, y, width, height, halvings))
        try_split(work, x, y, width, height, halvings, choice, inside)
        part_w, part_h = width >> (choice & 1), height >> (choice != 3)
        error, weight, spent = 0.0, float(work.weight[0]), work.coder.bits
        for top in range(y, min(y + height, self.rows), part_h):
            for left in range(x, min(x + width, self.columns), part_w):
                if error + weight * (float(spent[0]) - bits) >= limit:
                    return _NEVER
                error += self.block(left, top, part_w, part_h, halvings + (choice >> 1))
        return error
