"""The base layer of a bitstream, checked."""

from __future__ import annotations

from lightning_dlic.codec.base import BaseCodec
from lightning_dlic.codec.container import Bitstream, stream_codec
from lightning_dlic.codec.errors import BitstreamError, CodecError
from lightning_dlic.codec.planes import Planes, chroma_size


def decode_base(stream: Bitstream, codec: BaseCodec | None = None) -> Planes:
    """Decodes the base layer and holds it against its checksum.

    Args:
        stream: The bitstream.
        codec: What decodes it; by default the base codec that the stream names, with the networks that ship.

    Raises:
        BitstreamError: The payload is malformed, is not what was encoded, or its codec is not installed.
    """
    codec = codec or stream_codec(stream)
    if codec.exact != (stream.crc is not None):
        raise BitstreamError(f"byte 2: base codec {stream.codec} and the checksum's flag contradict each other")
    height, width = stream.base_size
    if max(height, width) > codec.max_side:
        raise BitstreamError(f"byte 4: {stream.codec} codes no base layer of {width}x{height}")
    try:
        planes = codec.decode(stream.payload, height, width, stream.color)
    except CodecError as error:
        raise BitstreamError(f"base layer: {error}") from error
    _check_shape(planes, height, width, stream)
    if stream.crc is not None and planes.crc32() != stream.crc:
        raise BitstreamError("base layer: its checksum does not match: the file is damaged")
    return planes


def decode_payload(codec: BaseCodec, payload: bytes, like: Planes) -> Planes:
    """Decodes a payload that was made of ``like``.

    Raises:
        CodecError: The encoder wrote what its own decoder refuses.
    """
    try:
        return codec.decode(payload, *like.size, like.color)
    except BitstreamError as error:
        raise CodecError(f"the encoder wrote what cannot be decoded: {error}") from error


def _check_shape(planes: Planes, height: int, width: int, stream: Bitstream) -> None:
    wanted = [(height, width)] + [chroma_size(height, width)] * (2 if stream.color else 0)
    if [plane.shape for plane in planes.each()] != wanted:
        raise BitstreamError(f"base layer: codec {stream.codec} gave planes of another size")
