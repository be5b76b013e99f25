"""From a decoded base layer to the picture: operators first, interpolation for what they leave."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec import Bitstream
from lightning_dlic.codec.planes import Planes
from lightning_dlic.operators.layers import Advances, Layers
from lightning_dlic.pipeline.strips import Strips, base_strips, resized

if TYPE_CHECKING:
    # It imports Numba, which pictures without hints do without.
    from lightning_dlic.codec.hints.base import Coloring

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


def base_layers(
    stream: Bitstream, planes: Planes, step: float | None, alpha: float, coloring: Coloring | None = None
) -> Layers:
    """A bitstream's decoded base layer, as operators begin with it.

    Args:
        stream: The bitstream; only its header counts, and its scale.
        planes: The base layer.
        step: Binary logarithm of the base codec's quantiser step, where it is known.
        alpha: How much networks may make up.
        coloring: Decoded hints.
    """
    final = None if stream.factor == stream.scale else (stream.factor, stream.height, stream.width)
    return Layers(planes, planes, stream.scale, *stream.canvas, step, alpha, coloring, final=final)


def advanced(layers: Layers, operators: Iterable[Advances]) -> Layers:
    """Takes a picture through operators, in their order."""
    for operator in operators:
        layers = operator.advance(layers)
    return layers


def finished(layers: Layers) -> U8:
    """The picture, with what no operator has done done by interpolation."""
    return finished_strips(layers).whole()


def finished_strips(layers: Layers) -> Strips:
    """As `finished`, from top to bottom. Between two scales what operators have made is downsized at the end."""
    own = (layers.scale, layers.scale), (layers.height, layers.width)
    if layers.final is None:
        return strips(layers, *own)
    factor, *size = layers.final
    if layers.luma is None and layers.picture is None:
        return strips(layers, (factor, factor), (size[0], size[1]))
    return resized(strips(layers, *own).whole(), factor / layers.scale, (size[0], size[1]))


def strips(layers: Layers, factors: tuple[float, float], size: tuple[int, int]) -> Strips:
    """The picture from top to bottom.

    Args:
        layers: What operators have made.
        factors: From the base layer to the picture, of rows and columns.
        size: Height and width of the picture; where it is not the one that layers speak of, operators have made none.
    """
    if layers.picture is not None:
        return Strips(*size, True, iter([layers.picture]))
    parts = base_strips(layers.planes, factors, size, layers.luma)
    if layers.coloring is None:
        return Strips(*size, layers.planes.color, parts)
    # It takes Numba, which pictures without hints do without.
    from lightning_dlic.operators.color import spread_strips

    return Strips(*size, True, spread_strips(parts, layers.base.y, layers.coloring, factors))
