"""A bitstream back to a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec import Bitstream, BitstreamError, Planes, decode_base
from lightning_dlic.codec.container import HINTS_CHUNK, MAX_PIXELS
from lightning_dlic.pipeline.recipe import Pipeline
from lightning_dlic.pipeline.resolve import NET_PIXELS, LumaEnlarger, Resolver
from lightning_dlic.pipeline.strips import Strips, base_strips

if TYPE_CHECKING:
    from lightning_dlic.codec.hints.base import Colouring

U8 = NDArray[np.uint8]


def decompress(
    data: bytes,
    *,
    pipeline: Pipeline | None = None,
    strict: bool = False,
    max_pixels: int = MAX_PIXELS,
    max_net_pixels: int = NET_PIXELS,
    max_side: int | None = None,
) -> U8:
    """Decodes a bitstream.

    Args:
        data: The bytes of a ``.dlic`` file, of unknown origin.
        pipeline: The pipeline that the file was made with, where that is none that ships.
        strict: Whether a network that the file names and that is not here is an error; otherwise its work is done
            by bicubic interpolation, with a warning.
        max_pixels: Refuse pictures of more.
        max_net_pixels: In pictures of more, interpolation does the work of networks, which take a second for each
            million; with a warning, or as ``strict`` says.
        max_side: Longest side of the picture that is made, smaller than the file's where that is longer: sooner, for
            no network runs then.

    Returns:
        uint8 ``[H, W, 3]``, or ``[H, W]`` for a grey picture.

    Raises:
        BitstreamError: The bytes are malformed or damaged; no network has been run by then.
        PipelineError: ``strict``, and the network is not here.
    """
    return decode_strips(
        data,
        pipeline=pipeline,
        strict=strict,
        max_pixels=max_pixels,
        max_net_pixels=max_net_pixels,
        max_side=max_side,
    ).whole()


def decode_strips(
    data: bytes,
    *,
    pipeline: Pipeline | None = None,
    strict: bool = False,
    max_pixels: int = MAX_PIXELS,
    max_net_pixels: int = NET_PIXELS,
    max_side: int | None = None,
) -> Strips:
    """As `decompress`, but gives the picture from top to bottom, so that it need not be in memory as a whole."""
    stream = Bitstream.from_bytes(data, max_pixels)
    hints = stream.chunk(HINTS_CHUNK)
    if hints is not None and (stream.color or stream.crc is None):
        raise BitstreamError("hints: they colour a grey base layer with a checksum, and this is none")
    planes = decode_base(stream)
    # Before any network is looked for: whatever is malformed ends here.
    colouring = None if hints is None else _decode_hints(hints, planes)
    size = _size(stream, max_side)
    if size == (stream.height, stream.width):
        resolver = Resolver(stream, pipeline, strict, max_net_pixels)
        return _full_size(stream, planes, colouring, resolver)
    factors = size[0] / stream.height * stream.scale, size[1] / stream.width * stream.scale
    return _coloured(planes, factors, size, colouring)


def _size(stream: Bitstream, max_side: int | None) -> tuple[int, int]:
    """Height and width of the picture to be made."""
    longest = max(stream.height, stream.width)
    if max_side is None or longest <= max_side:
        return stream.height, stream.width
    height, width = (max(1, round(side * max_side / longest)) for side in (stream.height, stream.width))
    return height, width


def _full_size(stream: Bitstream, planes: Planes, colouring: Colouring | None, resolver: Resolver) -> Strips:
    size, factors = (stream.height, stream.width), (stream.scale, stream.scale)
    enlarger = resolver.enlarger()
    colourist = resolver.colourist() if colouring is not None and colouring.head.net else None
    luma = enlarger(planes.y, *size) if enlarger else None
    if colouring is None or colourist is None:
        return _coloured(planes, factors, size, colouring, luma)
    from lightning_dlic.pipeline.colour import colour

    grey = assemble(Planes(planes.y), stream.scale, *size) if luma is None else luma
    return Strips(*size, True, iter([colour(grey, planes.y, colouring, stream.scale, colourist)]))


def _coloured(
    planes: Planes,
    factors: tuple[float, float],
    size: tuple[int, int],
    colouring: Colouring | None,
    luma: U8 | None = None,
) -> Strips:
    """The picture without a network for colour."""
    parts = base_strips(planes, factors, size, luma)
    if colouring is None:
        return Strips(*size, planes.color, parts)
    from lightning_dlic.pipeline.colour import spread_strips

    return Strips(*size, True, spread_strips(parts, planes.y, colouring, factors))


def _decode_hints(body: bytes, planes: Planes) -> Colouring:
    # Compiling what hints take is not for files that have none.
    from lightning_dlic.codec.hints.chunk import decode_hints

    return decode_hints(body, planes.y)


def assemble(planes: Planes, scale: int, height: int, width: int, enlarger: LumaEnlarger | None = None) -> U8:
    """Enlarges a decoded base layer and puts its colours together.

    Args:
        planes: The base layer.
        scale: Factor by which it is smaller.
        height: Of the picture.
        width: Of the picture.
        enlarger: Enlarges the luma; bicubic interpolation by default, which always enlarges the chroma.

    Returns:
        uint8 ``[height, width, 3]``, or ``[height, width]`` without chroma.
    """
    luma = enlarger(planes.y, height, width) if enlarger else None
    if luma is not None and not planes.color:
        return luma
    size = height, width
    return Strips(*size, planes.color, base_strips(planes, (scale, scale), size, luma)).whole()
