"""Colour for a decoded grey picture: hints to chroma, by a network or by a guided filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.hints.base import Coloring
from lightning_dlic.codec.hints.regions import guide
from lightning_dlic.codec.hints.spread import Spread, under
from lightning_dlic.imaging.numpy.color import merge

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Colorist = Callable[[U8, Coloring], F32]
"""Gives Cb and Cr in levels about 0, ``[2, H, W]``, of luma ``[H, W]`` and hints."""


def color(luma: U8, base: U8, hints: Coloring, scale: int, colorist: Colorist | None = None) -> U8:
    """Colours a grey picture.

    Args:
        luma: The enlarged luma, uint8 ``[H, W]``.
        base: The decoded base layer, uint8 ``[h, w]``.
        hints: What the bitstream says.
        scale: Factor between the two.
        colorist: A network; the guided filter by default, which leaves grey what the hints leave to a network.

    Returns:
        RGB, uint8 ``[H, W, 3]``.
    """
    if colorist is not None:
        return merge(luma, *(_to_uint8(plane) for plane in colorist(luma, hints)))
    parts = spread_strips(iter([luma]), base, hints, (scale, scale))
    return next(parts)


def spread_strips(luma: Iterator[U8], base: U8, hints: Coloring, factors: tuple[float, float]) -> Iterator[U8]:
    """Colours a grey picture by the guided filter, strip by strip.

    Args:
        luma: Strips of rows of the picture's luma, uint8 ``[rows, W]``.
        base: The decoded base layer, uint8 ``[h, w]``.
        hints: What the bitstream says.
        factors: Between the two, of rows and columns.

    Yields:
        RGB, uint8 ``[rows, W, 3]``.
    """
    spread = Spread(guide(base), len(hints.colors))
    lines = [spread.lines(plane) for plane in hints.planes()]
    whole = factors[0] * hints.factor, factors[1] * hints.factor
    at = 0
    for strip in luma:
        yield merge(strip, *(under(line, strip, at, whole) for line in lines))
        at += len(strip)


def spread_planes(luma: U8, base: U8, hints: Coloring) -> tuple[U8, U8]:
    """Chroma of a base layer by the guided filter, at its own size.

    Args:
        luma: The base layer as operators have left it, uint8 ``[h, w]``.
        base: The decoded base layer, uint8 ``[h, w]``.
        hints: What the bitstream says.

    Returns:
        Cb and Cr centred at 128, each uint8 ``[h, w]``.
    """
    spread = Spread(guide(base), len(hints.colors))
    blue, red = (under(spread.lines(plane), luma, 0, (hints.factor, hints.factor)) for plane in hints.planes())
    return blue, red


def _to_uint8(plane: F32) -> U8:
    rounded: U8 = np.clip(np.floor(plane + np.float32(128.5)), 0, 255).astype(np.uint8)
    return rounded
