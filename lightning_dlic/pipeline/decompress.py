"""A bitstream back to a picture."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dlic_registry import DlicError
from lightning_dlic.codec import Bitstream, BitstreamError, Planes, decode_base
from lightning_dlic.codec.container import HINTS_CHUNK, MAX_PIXELS, PIPELINE_CHUNK
from lightning_dlic.imaging.numpy.color import merge
from lightning_dlic.imaging.numpy.resize import enlarge
from lightning_dlic.pipeline.recipe import COLOUR, Pipeline, PipelineError, numbered_pipeline

if TYPE_CHECKING:
    from lightning_dlic.codec.hints.base import Coloring
    from lightning_dlic.pipeline.color import Colorist

U8 = NDArray[np.uint8]
LumaEnlarger = Callable[[U8, int, int], U8]
_DIGEST = 8


def decompress(
    data: bytes, *, pipeline: Pipeline | None = None, strict: bool = False, max_pixels: int = MAX_PIXELS
) -> U8:
    """Decodes a bitstream.

    Args:
        data: The bytes of a ``.dlic`` file, of unknown origin.
        pipeline: The pipeline that the file was made with, where that is none that ships.
        strict: Whether a network that the file names and that is not here is an error; otherwise its work is done
            by bicubic interpolation, with a warning.
        max_pixels: Refuse pictures of more.

    Returns:
        uint8 ``[H, W, 3]``, or ``[H, W]`` for a grey picture.

    Raises:
        BitstreamError: The bytes are malformed or damaged; no network has been run by then.
        PipelineError: ``strict``, and the network is not here.
    """
    stream = Bitstream.from_bytes(data, max_pixels)
    hints = stream.chunk(HINTS_CHUNK)
    if hints is not None and (stream.color or stream.crc is None):
        raise BitstreamError("hints: they colour a grey base layer with a checksum, and this is none")
    planes = decode_base(stream)
    # Before any network is looked for: whatever is malformed ends here.
    coloring = None if hints is None else _decode_hints(hints, planes)
    found = _pipeline(stream, pipeline, strict)
    picture = assemble(planes, stream.scale, stream.height, stream.width, _enlarger(found, stream.scale, strict))
    if coloring is None:
        return picture
    from lightning_dlic.pipeline.color import color

    colorist = _colorist(found, strict) if coloring.head.net else None
    return color(picture, planes.y, coloring, stream.scale, colorist)


def _decode_hints(body: bytes, planes: Planes) -> Coloring:
    # Compiling what hints take is not for files that have none.
    from lightning_dlic.codec.hints.chunk import decode_hints

    return decode_hints(body, planes.y)


def _colorist(pipeline: Pipeline | None, strict: bool) -> Colorist | None:
    instead = "its colours are spread from the hints by a filter"
    if pipeline is None or COLOUR not in pipeline.weights:
        _complain(f"the network for colour that it was made with is not here; {instead}", strict)
        return None
    try:
        return pipeline.colorist()
    except DlicError as error:
        _complain(f"{str(error).splitlines()[0]} Instead, {instead}", strict)
        return None


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
    luma = enlarger(planes.y, height, width) if enlarger else enlarge(planes.y, scale, height, width)
    if planes.cb is None or planes.cr is None:
        return luma
    return merge(luma, *(enlarge(plane, 2 * scale, height, width) for plane in (planes.cb, planes.cr)))


def _complain(what: str, strict: bool) -> None:
    if strict:
        raise PipelineError(f"the bitstream asks for more than is here: {what}")
    warnings.warn(f"decoded in part: {what}", stacklevel=3)


def _pipeline(stream: Bitstream, given: Pipeline | None, strict: bool) -> Pipeline | None:
    """The pipeline that a stream was made with; None for bicubic interpolation."""
    if stream.pipeline is not None:
        shipped = numbered_pipeline(stream.pipeline)
        if shipped is None:
            _complain(f"pipeline {stream.pipeline} is not in this version of lightning-dlic", strict)
        return shipped
    records = stream.chunk(PIPELINE_CHUNK)
    if records is None:
        return None
    named = ((scale, *_record(records, scale)) for scale in (stream.scale, COLOUR))
    weights = {scale: _named(target, digest, scale, given, strict) for scale, target, digest in named if target}
    return Pipeline("named", weights={scale: target for scale, target in weights.items() if target})


def _named(target: str, digest: bytes, scale: int, given: Pipeline | None, strict: bool) -> str | None:
    """Where the weights are that a bitstream names."""
    weights = given.weights.get(scale) if given else target if target.startswith("zoo:") else None
    if weights is None:
        # A path in a file of unknown origin is never opened.
        _complain(f"it was made with the network {target!r}; pass its pipeline's recipe", strict)
        return None
    return _verified(weights, digest, strict)


def _record(records: bytes, scale: int) -> tuple[str | None, bytes]:
    """Name and digest of the weights for a scale, from a pipeline chunk."""
    at = 0
    while at < len(records):
        size = records[at + 1] if at + 1 < len(records) else 0
        end = at + 2 + size + _DIGEST
        name = records[at + 2 : at + 2 + size]
        if end > len(records) or not size or not name.isascii() or not name.decode().isprintable():
            raise BitstreamError(f"pipeline chunk, byte {at}: no record of a network")
        if records[at] == scale:
            return name.decode(), records[end - _DIGEST : end]
        at = end
    return None, b""


def _verified(weights: str, digest: bytes, strict: bool) -> str | None:
    from lightning_dlic.zoo.files import locate

    try:
        actual = hashlib.sha256(locate(weights).read_bytes()).digest()[:_DIGEST]
    except DlicError as error:
        _complain(str(error).splitlines()[0], strict)
        return None
    if actual != digest:
        _complain(f"{weights} is not the network it was made with: its SHA-256 begins otherwise", strict)
        return None
    return weights


def _enlarger(pipeline: Pipeline | None, scale: int, strict: bool) -> LumaEnlarger | None:
    if pipeline is None:
        return None
    try:
        return pipeline.enlarger(scale)
    except DlicError as error:
        _complain(str(error).splitlines()[0], strict)
        return None
