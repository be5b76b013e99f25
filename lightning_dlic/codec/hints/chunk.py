"""Hints in a bitstream: a byte that names their kind, or a name, and what that kind has to say."""

from __future__ import annotations

from functools import cache
from typing import Any

from dlic_registry import OWN, RegistryError, entries, load
from lightning_dlic.codec.errors import BitstreamError, CodecError
from lightning_dlic.codec.hints.base import U8, Coloring, Hints, read_head

_NAMED = 255


def find_hints(name: str) -> Hints:
    """The hints registered under a name.

    Raises:
        RegistryError: No such hints, or they do not import.
    """
    found: Any = load("hints", name, own_first=True)
    hints: Hints = found()
    return hints


def sending(name: str) -> Hints:
    """The hints of a name, where bitstreams can hold them.

    Raises:
        RegistryError: No such hints, or they do not import.
        CodecError: They are no codec.
    """
    hints = find_hints(name)
    if not hints.sends:
        raise CodecError(f"hints {name!r} are no codec: no file can hold them")
    return hints


def prefix(hints: Hints) -> bytes:
    """The bytes that name a kind: its number, or 255, a length and its registered name."""
    # Numbers are ours: another's that claims one goes by its name.
    if hints.number is not None and type(_built_in().get(hints.number)) is type(hints):
        return bytes([hints.number])
    name = hints.name.encode("ascii")
    return bytes([_NAMED, len(name)]) + name


def decode_hints(body: bytes, luma: U8) -> Coloring:
    """Decodes a hints chunk.

    Args:
        body: Bytes of unknown origin.
        luma: The decoded base layer's, uint8 ``[h, w]``; its checksum has been checked.

    Raises:
        BitstreamError: The chunk is malformed, or of a kind that is not here.
    """
    hints, rest = _kind(body)
    return hints.decode(rest, luma)


def describe_hints(body: bytes) -> dict[str, Any]:
    """What a chunk says of itself, as plain types.

    Raises:
        BitstreamError: As for `decode_hints`; the colours are not decoded.
    """
    hints, rest = _kind(body)
    if not rest:
        return {"name": hints.name, "bytes": len(body)}
    head, _ = read_head(rest)
    return {"name": hints.name, "bytes": len(body), "regions": head.count, "step": head.step, "net": head.net}


def _kind(body: bytes) -> tuple[Hints, bytes]:
    if not body:
        raise BitstreamError("hints, byte 0: an empty chunk")
    if body[0] != _NAMED:
        built_in = _built_in().get(body[0])
        if built_in is None:
            raise BitstreamError(f"hints, byte 0: kind {body[0]} is unknown to this version")
        return built_in, body[1:]
    size = body[1] if len(body) > 1 else 0
    raw = body[2 : 2 + size]
    if not size or len(raw) < size or not raw.isascii() or not raw.decode().isprintable():
        raise BitstreamError("hints, byte 1: no name of hints")
    try:
        return sending(raw.decode()), body[2 + size :]
    except (RegistryError, CodecError) as error:
        raise BitstreamError(f"hints, byte 1: {str(error).splitlines()[0]}") from error


@cache
def _built_in() -> dict[int, Hints]:
    """Our own kinds by number; a third party's go by name. Kept: to ask the registry takes longer than to decode."""
    own = [find_hints(entry.name) for entry in entries("hints") if entry.distribution == OWN]
    return {hints.number: hints for hints in own if hints.number is not None}
