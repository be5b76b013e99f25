"""Colour for a decoded grey picture: hints to chroma, by a network or by a guided filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.hints.base import Coloring
from lightning_dlic.codec.hints.regions import guide
from lightning_dlic.codec.hints.spread import Spread, bilinear, under
from lightning_dlic.imaging.numpy.color import merge
from lightning_dlic.imaging.numpy.resize import row_strips

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Colorist = Callable[[U8, Coloring], F32]
"""Gives Cb and Cr in levels about 0, ``[2, H, W]``, of luma ``[H, W]`` and hints."""
LARGEST = 1 << 19
"""Pixels; larger pictures get the colours of a smaller copy: a network with strides cannot be tiled."""
RADIUS, EPSILON = 1, 1e-4
"""Of the guided filter that fits the copy's colours to the whole picture's edges."""


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


def copy_factor(luma: U8) -> int:
    """By which factor a network's copy of a picture is smaller."""
    factor = 1
    while -(-luma.shape[0] // factor) * -(-luma.shape[1] // factor) > LARGEST:
        factor += 1
    return factor


def along(lines: F32, luma: U8, factor: int) -> F32:
    """Levels of chroma of a whole picture by lines that were fitted to a smaller copy, strip by strip.

    Args:
        lines: Slopes of Cb and Cr, and their offsets, over luma in [0, 1], ``[4, h, w]``.
        luma: uint8 ``[H, W]``.
        factor: Between the two.

    Returns:
        ``[2, H, W]``.
    """
    out = np.empty((2, *luma.shape), np.float32)
    for rows in row_strips(*luma.shape):
        light, place = luma[rows].astype(np.float32), np.arange(rows.start, rows.stop)
        for plane in range(2):
            slope, offset = (bilinear(line, place, luma.shape[1], (factor, factor)) for line in lines[plane::2])
            out[plane, rows] = slope * light + np.float32(255) * offset
    return out


def _to_uint8(plane: F32) -> U8:
    rounded: U8 = np.clip(np.floor(plane + np.float32(128.5)), 0, 255).astype(np.uint8)
    return rounded
