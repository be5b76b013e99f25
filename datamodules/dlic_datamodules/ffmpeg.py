"""FFmpeg as a reader of single pictures: it lives through any bytes, and says of more of them that they are damaged."""

from __future__ import annotations

from typing import Any

__all__ = ["frames"]


def frames(data: bytes, codec: str, checks: str) -> list[Any]:
    """What FFmpeg makes of a file's bytes; most often one frame, none where it holds no picture.

    Args:
        data: The file.
        codec: FFmpeg's name of what reads it.
        checks: Which damage is an error, by its option ``err_detect``.

    Raises:
        OSError: The file is damaged.
        ValueError: It is damaged, too.
    """
    import av

    decoder: Any = av.CodecContext.create(codec, "r")
    decoder.options = {"err_detect": checks}
    # With the zeros behind it that FFmpeg's readers look at; around Python's own bytes lies anything.
    packet = av.Packet(len(data))
    packet.update(data)
    return [*decoder.decode(packet), *decoder.decode(None)]
