"""From a decoded base layer to the picture: operators first, interpolation for what they leave."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.imaging.numpy.color import merge
from lightning_dlic.imaging.numpy.resize import enlarge
from lightning_dlic.operators.layers import Advances, Layers

U8 = NDArray[np.uint8]


def assemble(layers: Layers, operators: Iterable[Advances] = ()) -> U8:
    """Makes the picture.

    Args:
        layers: The decoded base layer, with hints where it has some.
        operators: Networks at work, in their order. What they leave undone is done without: luma and chroma are
            enlarged by bicubic interpolation, colour is spread from hints along the luma's edges.

    Returns:
        uint8 ``[height, width, 3]``, or ``[height, width]`` for a grey picture.
    """
    return finished(advanced(layers, operators))


def advanced(layers: Layers, operators: Iterable[Advances]) -> Layers:
    """Takes a picture through operators, in their order."""
    for operator in operators:
        layers = operator.advance(layers)
    return layers


def finished(layers: Layers) -> U8:
    """The picture, with what no operator has done done by interpolation."""
    if layers.picture is not None:
        return layers.picture
    luma = layers.enlarged()
    if layers.coloring is not None:
        # It takes Numba, which pictures without hints do without.
        from lightning_dlic.operators.color import color

        return color(luma, layers.base.y, layers.coloring, layers.scale)
    planes = layers.planes
    if planes.cb is None or planes.cr is None:
        return luma
    chroma = (enlarge(plane, 2 * layers.scale, layers.height, layers.width) for plane in (planes.cb, planes.cr))
    return merge(luma, *chroma)
