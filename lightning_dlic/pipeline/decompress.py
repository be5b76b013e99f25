"""A bitstream back to a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec import Bitstream, BitstreamError, Planes, decode_base
from lightning_dlic.codec.container import HINTS_CHUNK, MAX_PIXELS, stream_codec
from lightning_dlic.codec.networks import stream_alpha
from lightning_dlic.operators.layers import Layers
from lightning_dlic.pipeline.assemble import advanced, base_layers, finished_strips, strips
from lightning_dlic.pipeline.plan import Pipeline
from lightning_dlic.pipeline.resolve import NET_PIXELS, loop_networks, resolve
from lightning_dlic.pipeline.strips import Strips

if TYPE_CHECKING:
    from lightning_dlic.codec.hints.base import Coloring

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
        PipelineError: A network in the base codec's loop is not here; or ``strict``, and one behind it is not.
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
    # Before any network is looked for: whatever is malformed ends here.
    layers = decode_layers(stream, loop_networks(stream, pipeline))
    size = _size(stream, max_side)
    if size != (stream.height, stream.width):
        factors = size[0] / stream.height * stream.factor, size[1] / stream.width * stream.factor
        return strips(layers, factors, size)
    colored = layers.coloring is not None and layers.coloring.head.net
    operators = resolve(stream, pipeline, strict, colored=colored, net_pixels=max_net_pixels)
    return finished_strips(advanced(layers, operators))


def _size(stream: Bitstream, max_side: int | None) -> tuple[int, int]:
    """Height and width of the picture to be made."""
    longest = max(stream.height, stream.width)
    if max_side is None or longest <= max_side:
        return stream.height, stream.width
    height, width = (max(1, round(side * max_side / longest)) for side in (stream.height, stream.width))
    return height, width


def decode_layers(stream: Bitstream, networks: Sequence[str] = ()) -> Layers:
    """All that a bitstream holds besides the names of networks, decoded and checked.

    Args:
        stream: The bitstream.
        networks: Weights of the networks in its base codec's loop, where it names some.

    Raises:
        BitstreamError: It is malformed or damaged.
    """
    hints = stream.chunk(HINTS_CHUNK)
    if hints is not None and (stream.color or stream.crc is None):
        raise BitstreamError("hints: they colour a grey base layer with a checksum, and this is none")
    codec = stream_codec(stream, networks)
    planes = decode_base(stream, codec)
    coloring = None if hints is None else _decode_hints(hints, planes)
    alpha = stream_alpha(stream)
    step = codec.log_step(stream.payload, *planes.size)
    return base_layers(stream, planes, step, alpha, coloring)


def _decode_hints(body: bytes, planes: Planes) -> Coloring:
    # Compiling what hints take is not for files that have none.
    from lightning_dlic.codec.hints.chunk import decode_hints

    return decode_hints(body, planes.y)
