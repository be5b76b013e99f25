"""WebP's lossy half, a VP8 key frame, without its container and the part of its header that the size gives."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lightning_dlic.codec.base import BaseCodec
from lightning_dlic.codec.bits import leb128, read_leb128
from lightning_dlic.codec.errors import BitstreamError, CodecError
from lightning_dlic.codec.planes import Planes
from lightning_dlic.codec.video import decode_frame, encode_frame
from lightning_dlic.codec.vp8 import base_index

_START = b"\x9d\x01\x2a"
# VP8's quantiser steps of AC coefficients at some indices, between which they grow evenly (RFC 6386, 14.1).
_INDICES, _STEPS = (0, 54, 83, 102, 116, 127), (4, 58, 116, 173, 229, 284)
# Bytes in which a frame's header says its quantizer.
_HEADER = 64
_RIFF_HEADER, _FRAME_HEADER = 20, 10


class WebP(BaseCodec):
    """VP8 key frame of a lossy WebP; its samples are our full-range luma and chroma as they are."""

    number: ClassVar[int | None] = 3
    exact: ClassVar[bool] = True
    steps: ClassVar[int] = 101
    auto_effort: ClassVar[int | None] = 7
    start: ClassVar[tuple[float, float]] = (1.0, 16.7)
    max_side: ClassVar[int] = 16383

    def encode(self, planes: Planes, quality: int, effort: int = 5) -> bytes:
        """See `BaseCodec.encode`; quality is libwebp's."""
        options = {"quality": str(quality), "compression_level": str(min(6, effort)), "preset": "none"}
        file = encode_frame("libwebp", planes, "yuv420p", options)
        if file[12:16] != b"VP8 ":
            raise CodecError("libwebp wrote no plain lossy picture; use another base codec")
        size = int.from_bytes(file[16:20], "little")
        frame = file[_RIFF_HEADER : _RIFF_HEADER + size]
        value = int.from_bytes(frame[:3], "little")
        version, first = value >> 1 & 7, value >> 5
        payload = leb128(first << 2 | version) + frame[_FRAME_HEADER:].rstrip(b"\0")
        if version > 3 or _frame(payload, *planes.size).rstrip(b"\0") != frame.rstrip(b"\0"):
            raise CodecError("libwebp wrote a frame of another form; use another base codec")
        return payload

    def decode(self, payload: bytes, height: int, width: int, color: bool) -> Planes:
        """See `BaseCodec.decode`."""
        # The arithmetic decoder reads zeros behind the end; FFmpeg's wants some bytes there.
        frame = _frame(payload, height, width) + bytes(4)
        planes = decode_frame("vp8", frame, height, width, True, "webp payload")
        return planes if color else Planes(planes.y)

    def log_step(self, payload: bytes, height: int, width: int) -> float:
        """See `BaseCodec.log_step`; where the frame has segments, that of the first as libwebp orders them."""
        index = base_index(payload[read_leb128(payload, 0, "the webp payload's first number", 4)[1] :][:_HEADER])
        # VP8's coefficients are twice an orthonormal transform's.
        return float(np.log2(np.interp(index, _INDICES, _STEPS))) - 1.0


def _frame(payload: bytes, height: int, width: int) -> bytes:
    """The VP8 frame of a payload (RFC 6386, section 9.1)."""
    value, at = read_leb128(payload, 0, "the webp payload's first number", 4)
    version, first = value & 3, value >> 2
    if first >= 1 << 19:
        raise BitstreamError("webp payload: its first partition is longer than VP8 allows")
    tag = first << 5 | 1 << 4 | version << 1
    return (
        tag.to_bytes(3, "little") + _START + width.to_bytes(2, "little") + height.to_bytes(2, "little") + payload[at:]
    )
