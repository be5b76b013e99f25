"""`lightning_dlic.imaging.tiles` in NumPy, for decoders without torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.imaging.spans import spans

U8 = NDArray[np.uint8]


def enlarge(net: Callable[[U8], U8], picture: U8, scale: int, *, halo: int, tile: int, align: int = 1) -> U8:
    """Applies a network to a picture tile by tile.

    Args:
        net: Maps ``[C, h, w]`` to ``[C', h*scale, w*scale]``.
        picture: uint8 ``[C, H, W]``.
        scale: Factor of enlargement.
        halo: Pixels around its place that an output pixel depends on.
        tile: Side of a tile in input pixels, without halo.
        align: What tiles begin at multiples of, in input pixels.

    Returns:
        uint8 ``[C', H*scale, W*scale]``.
    """
    height, width = picture.shape[1:]
    whole = np.empty((0,), np.uint8)
    for rows in spans(height, halo, tile, align):
        for columns in spans(width, halo, tile, align):
            made = net(np.ascontiguousarray(picture[:, rows.read, columns.read]))
            if not whole.size:
                whole = np.empty((made.shape[0], height * scale, width * scale), np.uint8)
            kept = made[:, rows.inside(scale), columns.inside(scale)]
            whole[:, rows.target(scale), columns.target(scale)] = kept
    return whole
