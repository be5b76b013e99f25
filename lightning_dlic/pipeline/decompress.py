"""A bitstream back to a picture."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dlic_registry import DlicError
from lightning_dlic.codec import Bitstream, BitstreamError, Planes, decode_base
from lightning_dlic.codec.container import HINTS_CHUNK, MAX_PIXELS, PIPELINE_CHUNK
from lightning_dlic.imaging.color_np import merge
from lightning_dlic.imaging.resize_np import enlarge
from lightning_dlic.pipeline.recipe import Pipeline, PipelineError, numbered_pipeline

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
    found = _pipeline(stream, pipeline, strict)
    planes = decode_base(stream)
    if stream.chunk(HINTS_CHUNK) is not None:
        _complain("its colour hints cannot be read by this version: it stays grey", strict)
    return assemble(planes, stream.scale, stream.height, stream.width, _enlarger(found, stream.scale, strict))


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
    target, digest = _record(records, stream.scale)
    if target is None:
        return None
    weights = given.weights.get(stream.scale) if given else target if target.startswith("zoo:") else None
    if weights is None:
        # A path in a file of unknown origin is never opened.
        _complain(f"it was made with the network {target!r}; pass its pipeline's recipe", strict)
        return None
    return _verified(weights, digest, stream.scale, strict)


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


def _verified(weights: str, digest: bytes, scale: int, strict: bool) -> Pipeline | None:
    from lightning_dlic.zoo.files import locate

    try:
        actual = hashlib.sha256(locate(weights).read_bytes()).digest()[:_DIGEST]
    except DlicError as error:
        _complain(str(error).splitlines()[0], strict)
        return None
    if actual != digest:
        _complain(f"{weights} is not the network it was made with: its SHA-256 begins otherwise", strict)
        return None
    return Pipeline(weights, weights={scale: weights})


def _enlarger(pipeline: Pipeline | None, scale: int, strict: bool) -> LumaEnlarger | None:
    if pipeline is None:
        return None
    try:
        return pipeline.enlarger(scale)
    except DlicError as error:
        _complain(str(error).splitlines()[0], strict)
        return None
