"""The bytes of a ``.dlic`` file: a header of at most 16 bytes, chunks where there are any, one payload, a checksum.

docs/format/index.md specifies every byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlic_registry import BrokenPluginError, DlicError, RegistryError, load
from lightning_dlic.codec.base import BaseCodec
from lightning_dlic.codec.bits import leb128, read_leb128
from lightning_dlic.codec.errors import BitstreamError
from lightning_dlic.imaging.numpy.resize import shrunk

SUFFIX = ".dlic"
"""Of the files of bitstreams."""
MAGIC = b"\xd1\x1c"
VERSION = 1
MAX_PIXELS = 1 << 28
"""Pixels of the largest picture that is decoded unless the caller allows more."""
MOST_BYTES = 1 << 28
"""Of a file that is read as a bitstream."""
_COLOR, _PIPELINE, _CHUNKS, _CHECKED = 1, 2, 4, 8
_NUMBERS = {"hevc": 1, "avif": 2, "webp": 3, "jpeg": 4, "jxl": 5, "vvc": 6, "intra": 7}
_NAMES = {number: name for name, number in _NUMBERS.items()}
_NAMED = 15
_REQUIRED, _END = 128, 0
_MAX_CHUNKS, _CRC_BYTES = 64, 4


@dataclass(frozen=True)
class Chunk:
    """Side information in a bitstream.

    Attributes:
        tag: 1 to 127; `KNOWN_CHUNKS` are taken.
        body: Its bytes.
        required: Whether a decoder that does not know the tag must refuse the stream.
    """

    tag: int
    body: bytes
    required: bool = False


PIPELINE_CHUNK = 1
HINTS_CHUNK = 2
NETWORKS_CHUNK = 3
ALPHA_CHUNK = 4
BETWEEN_CHUNK = 5
KNOWN_CHUNKS = frozenset({PIPELINE_CHUNK, HINTS_CHUNK, NETWORKS_CHUNK, ALPHA_CHUNK, BETWEEN_CHUNK})
STEPS = 16
"""Parts of a whole scale: those that lie between two are told in these."""


def between_chunks(factor: float) -> tuple[Chunk, ...]:
    """The chunk that says by how much a factor of downsizing is less than the next whole scale; none for a whole one.

    Args:
        factor: From 1, in sixteenths.

    Raises:
        ValueError: It is less, or lies between those.
    """
    parts = round(STEPS * factor)
    if parts != STEPS * factor or parts < STEPS:
        raise ValueError(f"{factor} is no factor of downsizing in steps of 1/{STEPS}")
    return (Chunk(BETWEEN_CHUNK, bytes([-parts % STEPS]), required=True),) if parts % STEPS else ()


@dataclass(frozen=True)
class Bitstream:
    """What a ``.dlic`` file says.

    Attributes:
        width: Of the whole picture, in pixels.
        height: Of the whole picture.
        scale: Factor by which the base layer is smaller, 1 to 16; the next whole one where it lies between two.
        codec: Registered name of the base codec.
        color: Whether the base layer has chroma.
        payload: The base codec's bytes.
        crc: CRC-32 of the decoded base layer; None where the base codec is not exact.
        pipeline: Number of a pipeline that ships; None where the base layer is enlarged by bicubic.
        chunks: Side information, in order.
    """

    width: int
    height: int
    scale: int
    codec: str
    color: bool
    payload: bytes
    crc: int | None
    pipeline: int | None = None
    chunks: tuple[Chunk, ...] = ()

    @property
    def base_size(self) -> tuple[int, int]:
        """Height and width of the base layer."""
        return shrunk(self.height, self.factor), shrunk(self.width, self.factor)

    @property
    def factor(self) -> float:
        """Factor by which the base layer is smaller, with what lies between two scales."""
        body = self.chunk(BETWEEN_CHUNK)
        return self.scale - (body[0] / STEPS if body else 0)

    @property
    def canvas(self) -> tuple[int, int]:
        """Height and width of the picture that networks make: the picture's own, or that of the next whole scale."""
        rows, columns = self.base_size
        whole = self.factor == self.scale
        return (self.height, self.width) if whole else (rows * self.scale, columns * self.scale)

    def chunk(self, tag: int) -> bytes | None:
        """Body of the first chunk of a tag; None where there is none."""
        return next((chunk.body for chunk in self.chunks if chunk.tag == tag), None)

    def head(self) -> bytes:
        """All bytes before the payload."""
        flags = _COLOR * self.color | _PIPELINE * (self.pipeline is not None)
        flags |= _CHUNKS * bool(self.chunks) | _CHECKED * (self.crc is not None)
        number = _NUMBERS.get(self.codec, _NAMED)
        parts = [MAGIC, bytes([VERSION << 4 | flags, number << 4 | self.scale - 1])]
        parts += [leb128(self.width), leb128(self.height)]
        if self.pipeline is not None:
            parts.append(bytes([self.pipeline]))
        if number == _NAMED:
            name = self.codec.encode("ascii")
            parts.append(bytes([len(name)]) + name)
        for chunk in self.chunks:
            parts.append(bytes([chunk.tag | _REQUIRED * chunk.required]) + leb128(len(chunk.body)) + chunk.body)
        return b"".join(parts) + bytes([_END]) * bool(self.chunks)

    def tail(self) -> bytes:
        """All bytes behind the payload."""
        return b"" if self.crc is None else self.crc.to_bytes(_CRC_BYTES, "little")

    def to_bytes(self) -> bytes:
        """The file."""
        return self.head() + self.payload + self.tail()

    @classmethod
    def from_bytes(cls, data: bytes, max_pixels: int = MAX_PIXELS) -> Bitstream:
        """Parses a file; nothing is decoded.

        Args:
            data: Bytes of unknown origin.
            max_pixels: Refuse pictures of more.

        Raises:
            BitstreamError: The bytes are no bitstream that this version reads; the message says where.
        """
        return _parse(cls, data, max_pixels)


def _byte(data: bytes, at: int, what: str) -> int:
    if at >= len(data):
        raise BitstreamError(f"byte {at}: the stream ends before {what}")
    return data[at]


def _parse(cls: type[Bitstream], data: bytes, max_pixels: int) -> Bitstream:
    if data[:2] != MAGIC:
        raise BitstreamError(f"byte 0: no .dlic bitstream (it begins {data[:2].hex(' ') or 'with nothing'})")
    first, second = _byte(data, 2, "its version"), _byte(data, 3, "its base codec")
    version, flags = first >> 4, first & 15
    if version != VERSION:
        raise BitstreamError(f"byte 2: format version {version}; this reader knows {VERSION}. Update lightning-dlic.")
    (width, height), at = _size(data, max_pixels)
    pipeline = None
    if flags & _PIPELINE:
        pipeline, at = _byte(data, at, "its pipeline"), at + 1
    codec, at = _codec_name(data, second >> 4, at)
    chunks: tuple[Chunk, ...] = ()
    if flags & _CHUNKS:
        chunks, at = _chunks(data, at)
    crc, end = None, len(data)
    if flags & _CHECKED:
        end -= _CRC_BYTES
        if end < at:
            raise BitstreamError(f"byte {at}: the stream ends before its checksum")
        crc = int.from_bytes(data[end:], "little")
    scale, color = (second & 15) + 1, bool(flags & _COLOR)
    for chunk in chunks:
        if chunk.tag == BETWEEN_CHUNK and (scale == 1 or len(chunk.body) != 1 or not 0 < chunk.body[0] < STEPS):
            raise BitstreamError(f"scale chunk: no part of scale {scale} that lies between two, in sixteenths")
    return cls(width, height, scale, codec, color, data[at:end], crc, pipeline, chunks)


def _size(data: bytes, max_pixels: int) -> tuple[tuple[int, int], int]:
    width, at = read_leb128(data, 4, "the width")
    height, at = read_leb128(data, at, "the height")
    if not width or not height:
        raise BitstreamError(f"byte 4: a picture of {width}x{height} has no pixels")
    if width * height > max_pixels:
        raise BitstreamError(
            f"byte 4: a picture of {width}x{height} has more than {max_pixels} pixels. Allow more by max_pixels."
        )
    return (width, height), at


def _codec_name(data: bytes, number: int, at: int) -> tuple[str, int]:
    if number != _NAMED:
        if number not in _NAMES:
            raise BitstreamError(f"byte 3: base codec number {number} is unknown to this version")
        return _NAMES[number], at
    size = _byte(data, at, "its base codec's name")
    raw = data[at + 1 : at + 1 + size]
    if len(raw) < size or not raw.isascii() or not raw.decode().isprintable():
        raise BitstreamError(f"byte {at}: no name of a base codec")
    return raw.decode(), at + 1 + size


def _chunks(data: bytes, at: int) -> tuple[tuple[Chunk, ...], int]:
    found: list[Chunk] = []
    while (tag := _byte(data, at, "the end of its chunks")) != _END:
        size, start = read_leb128(data, at + 1, "a chunk's length")
        if size > len(data) - start:
            raise BitstreamError(f"byte {at}: a chunk of {size} bytes where {len(data) - start} are left")
        kind, required = tag & ~_REQUIRED, bool(tag & _REQUIRED)
        if required and kind not in KNOWN_CHUNKS:
            raise BitstreamError(f"byte {at}: chunk {kind} is required and unknown to this version")
        found.append(Chunk(kind, data[start : start + size], required))
        if len(found) > _MAX_CHUNKS:
            raise BitstreamError(f"byte {at}: more than {_MAX_CHUNKS} chunks")
        at = start + size
    return tuple(found), at + 1


def base_codec(name: str, arguments: Mapping[str, Any] | None = None) -> BaseCodec:
    """The base codec registered under a name; those that have a number in the format are ours, whoever claims them.

    Args:
        name: Its registered name.
        arguments: What it is built with.

    Raises:
        RegistryError: No such codec, or it does not import or start.
        DlicError: It refuses an argument.
    """
    found: Any = load("codec", name, own_first=True)
    try:
        codec: BaseCodec = found(**(arguments or {}))
    except DlicError:
        raise
    except Exception as error:
        raise BrokenPluginError(f"base codec {name!r} does not start ({type(error).__name__}: {error})") from error
    return codec


def stream_codec(stream: Bitstream, networks: Sequence[str] = ()) -> BaseCodec:
    """The base codec that a stream names.

    Args:
        stream: The stream.
        networks: Weights of the networks in the codec's loop, where the stream names some.

    Raises:
        BitstreamError: It is not registered here.
    """
    try:
        codec = base_codec(stream.codec)
        return codec if not networks or codec.networks is None else type(codec)(**{codec.networks: list(networks)})
    except RegistryError as error:
        message = f"byte 3: base codec {stream.codec!r} is not installed here: {str(error).splitlines()[0]}"
        raise BitstreamError(message) from error
