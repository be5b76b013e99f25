"""Tiles along an axis: what is read of a picture, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

# Base layers of up to so many pixels a side go through a network whole; tiles of larger ones, whose halo is wide, keep
# so many: with larger ones decoding 12 megapixels takes more than 800 MB, of which importing torch takes 530.
WHOLE, TILE = 512, 160


@dataclass(frozen=True)
class Span:
    """A tile along one axis, in input pixels: what is read, and which part of it is kept."""

    read: slice
    keep: slice

    def inside(self, scale: int) -> slice:
        """The kept part within the enlargement of what was read."""
        offset = self.keep.start - self.read.start
        return slice(offset * scale, (offset + self.keep.stop - self.keep.start) * scale)

    def target(self, scale: int) -> slice:
        """The kept part within the whole enlargement."""
        return slice(self.keep.start * scale, self.keep.stop * scale)


def wide_tile(height: int, width: int) -> int:
    """Side of tiles for networks with wide halos."""
    return max(height, width) if max(height, width) <= WHOLE else TILE


def spans(length: int, halo: int, tile: int, align: int = 1) -> Iterator[Span]:
    """Covers an axis with tiles; each pixel is kept once, with ``halo`` pixels or a border of the picture around it.

    All reads are equally long: convolution libraries choose their algorithm by size, and another algorithm rounds
    differently.

    Args:
        length: Pixels along the axis.
        halo: Pixels read on each side of what is kept.
        tile: Pixels kept.
        align: What each read begins at a multiple of, for a network with strides; the last may then be longer.
    """
    if length <= tile + 2 * halo:
        # Two reads of the whole would give no more than one.
        yield Span(slice(0, length), slice(0, length))
        return
    window = tile + 2 * halo
    for start in range(0, length, tile):
        first = min(max(start - halo, 0), length - window) // align * align
        last = first + window if first + window + align <= length else length
        yield Span(slice(first, last), slice(start, min(start + tile, length)))
