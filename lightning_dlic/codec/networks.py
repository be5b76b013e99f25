"""Which networks a bitstream names, by records of each one, and how much they may make up.

docs/format/index.md specifies every byte. Numbers of the format stand here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lightning_dlic.codec.container import ALPHA_CHUNK, NETWORKS_CHUNK, PIPELINE_CHUNK, Bitstream, Chunk
from lightning_dlic.codec.errors import BitstreamError

DIGEST = 8
"""Bytes of a network's SHA-256 that name it."""
# Kinds that ship go by a number; others by their registered name.
_KINDS = {"sr": 1, "colorization": 2, "reconstruction": 3}
_KIND_NAMES = {number: kind for kind, number in _KINDS.items()}
_NAMED = 255
_MOST = 32
_ALPHA_LEVELS = 255


@dataclass(frozen=True)
class Network:
    """A network behind the base codec, as a bitstream names it.

    Attributes:
        kind: Kind of the stage that trained it.
        role: Scale that it serves at; 0 for every scale.
        name: ``zoo:NAME``, ``OWNER:NAME``, or the bare name of a file that the reader must find.
        digest: The first `DIGEST` bytes of the SHA-256 of its weights file.
    """

    kind: str
    role: int
    name: str
    digest: bytes


def networks_chunk(networks: Iterable[Network]) -> Chunk:
    """The chunk that names networks, in their order.

    Raises:
        ValueError: A name is not 1 to 255 printable ASCII characters.
    """
    return Chunk(NETWORKS_CHUNK, b"".join(map(_record, networks)))


def _record(network: Network) -> bytes:
    number = _KINDS.get(network.kind)
    kind = bytes([_NAMED]) + _text(network.kind) if number is None else bytes([number])
    return kind + bytes([network.role]) + _text(network.name) + network.digest[:DIGEST]


def _text(text: str) -> bytes:
    if not text.isascii() or not text.isprintable() or not 1 <= len(text) <= 255:
        raise ValueError(f"{text!r} cannot stand in a bitstream: 1 to 255 printable ASCII characters can")
    return bytes([len(text)]) + text.encode("ascii")


def named_networks(stream: Bitstream) -> tuple[Network, ...] | None:
    """The networks that a stream names one by one, in their order.

    Returns:
        None where it names none: then a pipeline's number stands for them, or there are none.

    Raises:
        BitstreamError: The records are malformed.
    """
    records = stream.chunk(NETWORKS_CHUNK)
    if records is not None:
        return tuple(_Reader(records, "networks chunk").networks())
    old = stream.chunk(PIPELINE_CHUNK)
    return None if old is None else tuple(_Reader(old, "pipeline chunk").luma_and_color())


def alpha_chunks(alpha: float) -> tuple[Chunk, ...]:
    """The chunk that says how much networks may make up; none for nothing.

    Args:
        alpha: 0, faithful, to 1, vivid.

    Raises:
        ValueError: It is beyond.
    """
    level = _level(alpha)
    return (Chunk(ALPHA_CHUNK, bytes([level])),) if level else ()


def told_alpha(alpha: float) -> float:
    """A strength as a bitstream tells it: in whole steps of 1/255.

    Raises:
        ValueError: It is not from 0 to 1.
    """
    return _level(alpha) / _ALPHA_LEVELS


def _level(alpha: float) -> int:
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"{alpha} is no strength from 0 to 1")
    return round(alpha * _ALPHA_LEVELS)


def stream_alpha(stream: Bitstream) -> float:
    """How much networks may make up, 0 where a stream does not say.

    Raises:
        BitstreamError: The chunk is malformed.
    """
    body = stream.chunk(ALPHA_CHUNK)
    if body is None:
        return 0.0
    if len(body) != 1:
        raise BitstreamError(f"alpha chunk: {len(body)} bytes where one says how much networks may make up")
    return body[0] / _ALPHA_LEVELS


class _Reader:
    """Reads records of unknown origin."""

    def __init__(self, data: bytes, what: str) -> None:
        self.data, self.what, self.at, self.count = data, what, 0, 0

    def networks(self) -> Iterable[Network]:
        while self.at < len(self.data):
            start = self.at
            number = self._take(1, start)[0]
            if number != _NAMED and number not in _KIND_NAMES:
                raise BitstreamError(f"{self.what}, byte {start}: kind {number} is unknown to this version")
            kind = self._text(start) if number == _NAMED else _KIND_NAMES[number]
            role = self._take(1, start)[0]
            yield self._rest(kind, role, start)

    def luma_and_color(self) -> Iterable[Network]:
        """Records of the first version: a scale, or 0 for the network that colours."""
        while self.at < len(self.data):
            start = self.at
            scale = self._take(1, start)[0]
            yield self._rest("sr" if scale else "colorization", scale, start)

    def _rest(self, kind: str, role: int, start: int) -> Network:
        self.count += 1
        if self.count > _MOST:
            raise BitstreamError(f"{self.what}, byte {start}: more than {_MOST} networks")
        return Network(kind, role, self._text(start), self._take(DIGEST, start))

    def _text(self, start: int) -> str:
        raw = self._take(self._take(1, start)[0], start)
        if not raw or not raw.isascii() or not raw.decode().isprintable():
            raise self._malformed(start)
        return raw.decode()

    def _take(self, count: int, start: int) -> bytes:
        taken = self.data[self.at : self.at + count]
        if len(taken) < count:
            raise self._malformed(start)
        self.at += count
        return taken

    def _malformed(self, start: int) -> BitstreamError:
        return BitstreamError(f"{self.what}, byte {start}: no record of a network")
