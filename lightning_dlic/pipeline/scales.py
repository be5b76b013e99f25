"""Which factors of downsizing are worth trying."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

SCALES = (1, 1.5, 2, 3, 4, 6, 8, 12, 16)
"""What ``auto`` may choose from. Of those between two whole ones only the first pays (docs/notes/between-scales.md)."""
USUAL = 4
"""Coarser scales are for so few bytes that these leave too few to a pixel."""
# Bits a base pixel below which a smaller base layer is always better, and from which one beyond the usual never is.
_LEAST_BITS, _MOST_BITS = 0.012, 0.15
# Of a base layer beyond the usual scales.
_LEAST_PIXELS = 1024


def useful(scales: Sequence[float], pixels: Callable[[float], int]) -> list[float]:
    """Those of some scales whose base layers, of so many pixels, still show something; the first where none does."""
    found = [scale for scale in sorted(scales) if scale <= USUAL or pixels(scale) >= _LEAST_PIXELS]
    return found or [min(scales)]


def worth_trying(scales: Sequence[float], limit: int, pixels: Callable[[float], int]) -> list[float]:
    """Those of some scales at which a number of bytes may do best.

    Args:
        scales: Any, but at least one.
        limit: Bytes of the file.
        pixels: Of the base layer at a scale.

    Returns:
        At least one, the finest first.
    """
    found, finer = list[float](), 0.0
    for scale in sorted(scales):
        bits = 8 * limit / pixels(scale)
        if enough(limit, pixels(scale)) and (scale <= USUAL or finer < _MOST_BITS):
            found.append(scale)
        finer = bits
    return found or [max(scales)]


def enough(limit: int, pixels: int) -> bool:
    """Whether so many bytes are enough to try a base layer of so many pixels."""
    return 8 * limit >= _LEAST_BITS * pixels


def coarser(scales: Sequence[float], tried: Sequence[float]) -> list[float]:
    """Those of some scales that are coarser than all that were tried."""
    return [scale for scale in sorted(scales) if scale > max(tried)]


def whole(scales: Sequence[float]) -> list[int]:
    """The whole scales among some, or the next ones where there is none."""
    return [int(scale) for scale in scales if scale == int(scale)] or [math.ceil(scale) for scale in scales]
