"""AV1 intra by libaom through Pillow's AVIF writer: the frame alone, without file and sequence header."""

from __future__ import annotations

import io
import struct
from typing import ClassVar

import numpy as np
from PIL import Image, features

from lightning_dlic.codec.base import BaseCodec
from lightning_dlic.codec.bits import BitReader, BitWriter, leb128, read_leb128
from lightning_dlic.codec.errors import BitstreamError, CodecError
from lightning_dlic.codec.planes import Planes
from lightning_dlic.codec.video import decode_frame

_SEQUENCE, _FRAME, _DELIMITER = 1, 6, 2
# One byte of the payload: which of the sequence's tools the encoder used.
# Bytes in which a frame's header says its quantizer.
_HEADER = 16
_TOOLS = ("superblocks of 128", "filter intra", "intra edge filter", "CDEF", "restoration")
# libaom's default for stills spends bits by a taste of its own; tuned for SSIM it needs 8 % fewer at equal SSIM.
# AV1's quantiser steps in eighths of a level, at some indices between which they grow evenly (specification, 7.12.2).
_INDICES = (0, 1, 95, 120, 137, 150, 160, 169, 188, 202, 216, 229, 242, 255)
_STEPS = (4, 8, 102, 152, 203, 255, 305, 359, 510, 663, 864, 1108, 1423, 1828)
_TUNING = {"tune": "ssim", "sb-size": "64", "deltaq-mode": "0"}


class AVIF(BaseCodec):
    """AV1 intra, one frame without its sequence header, which is rebuilt from the picture's size."""

    number: ClassVar[int | None] = 2
    exact: ClassVar[bool] = True
    steps: ClassVar[int] = 64
    auto_effort: ClassVar[int | None] = 2
    outdone_by: ClassVar[str | None] = "vvc"
    start: ClassVar[tuple[float, float]] = (12.0, 8.3)
    max_side: ClassVar[int] = 65536

    def missing(self) -> str | None:
        """See `BaseCodec.missing`."""
        return None if features.check("avif") else "Pillow with AVIF (the wheels of pillow>=11.3 have it)"

    def encode(self, planes: Planes, quality: int, effort: int = 5) -> bytes:
        """See `BaseCodec.encode`; quality is 63 - AV1's quantizer."""
        data = _boxes(_write(planes, quality, effort)).get(b"mdat", b"")
        parts = _units(data)
        kinds = [kind for kind, _ in parts if kind != _DELIMITER]
        if kinds != [_SEQUENCE, _FRAME]:
            raise CodecError(f"the AV1 encoder wrote units {kinds}; use another base codec")
        bodies = dict(parts)
        height, width = planes.size
        tools = _tools(bodies[_SEQUENCE], height, width, planes.color)
        return bytes([tools]) + bodies[_FRAME]

    def decode(self, payload: bytes, height: int, width: int, color: bool) -> Planes:
        """See `BaseCodec.decode`."""
        if not payload or payload[0] >> len(_TOOLS):
            raise BitstreamError("avif payload: its first byte names no tools")
        header = _sequence_header(payload[0], height, width, color)
        stream = _unit(_DELIMITER, b"") + _unit(_SEQUENCE, header) + _unit(_FRAME, payload[1:])
        planes = decode_frame("libdav1d", stream, height, width, color, "avif payload")
        return planes

    def log_step(self, payload: bytes, height: int, width: int) -> float | None:
        """See `BaseCodec.log_step`."""
        side = 128 if payload[0] & 1 else 64
        index = _base_index(BitReader(payload[1 : 1 + _HEADER], "AV1 frame header"), height, width, side)
        return None if index is None else float(np.log2(np.interp(index, _INDICES, _STEPS))) - 3.0


def _write(planes: Planes, quality: int, effort: int) -> bytes:
    """An AVIF file of the picture."""
    out = io.BytesIO()
    image = Image.fromarray(planes.y) if not planes.color else _rgb(planes)
    # libavif takes 0 to 100 and makes libaom's quantizer of it, ((100 - q) * 63 + 50) / 100; this hits each of the 64.
    setting = 100 + (50 - 100 * (63 - quality)) // 63 if quality < 63 else 100
    speed = max(1, min(9, 9 - effort)) if planes.y.size < 4_000_000 else 8
    try:
        image.save(
            out,
            "AVIF",
            quality=setting,
            speed=speed,
            subsampling="4:2:0" if planes.color else "4:0:0",
            range="full",
            max_threads=1,
            advanced=_TUNING,
        )
    except (OSError, ValueError) as error:
        raise CodecError(f"libaom cannot code a picture of {image.width}x{image.height}: {error}") from error
    return out.getvalue()


def _rgb(planes: Planes) -> Image.Image:
    if planes.rgb is not None:
        return Image.fromarray(planes.rgb)
    assert planes.cb is not None
    assert planes.cr is not None
    height, width = planes.size
    chroma = [plane.repeat(2, 0).repeat(2, 1)[:height, :width] for plane in (planes.cb, planes.cr)]
    return Image.merge("YCbCr", [Image.fromarray(plane) for plane in (planes.y, *chroma)]).convert("RGB")


def _boxes(file: bytes) -> dict[bytes, bytes]:
    """Bodies of the outermost boxes of an ISO file that we have just written."""
    found, at = {}, 0
    while at + 8 <= len(file):
        size, kind = struct.unpack_from(">I4s", file, at)
        if size < 8:
            break
        found[kind] = file[at + 8 : at + size]
        at += size
    return found


def _units(data: bytes) -> list[tuple[int, bytes]]:
    """Types and bodies of open bitstream units with size fields."""
    found, at = [], 0
    while at < len(data):
        kind = data[at] >> 3 & 15
        size, at = read_leb128(data, at + 1, "an AV1 unit's size")
        found.append((kind, data[at : at + size]))
        at += size
    return found


def _unit(kind: int, body: bytes) -> bytes:
    return bytes([kind << 3 | 2]) + leb128(len(body)) + body


def _sequence_header(tools: int, height: int, width: int, color: bool) -> bytes:
    """sequence_header_obu() of a reduced still picture (AV1 specification, 5.5)."""
    across, down = (width - 1).bit_length() or 1, (height - 1).bit_length() or 1
    bit = [tools >> index & 1 for index in range(len(_TOOLS))]
    out = BitWriter().u(3, 0).u(1, 1).u(1, 1).u(5, 31).u(4, across - 1).u(4, down - 1)
    out.u(across, width - 1).u(down, height - 1)
    # No super-resolution: the size above is the size of the frame, whatever the payload says.
    out.u(1, bit[0]).u(1, bit[1]).u(1, bit[2]).u(1, 0).u(1, bit[3]).u(1, bit[4])
    # 8 bits, no colour description, full range; for colour a chroma position and no quantizers of its own for Cr.
    out.u(1, 0).u(1, not color).u(1, 0).u(1, 1)
    if color:
        out.u(2, 0).u(1, 0)
    # No film grain.
    return out.u(1, 0).trail().bytes()


def _base_index(bits: BitReader, height: int, width: int, side: int) -> int | None:
    """base_q_idx of a frame under our sequence header (AV1 specification, 5.9.2); None for tiles of unequal size."""
    bits.u(1)
    screen = bits.u(1)
    if screen:
        bits.u(1)
    if bits.u(1):
        bits.u(32)
    if screen:
        bits.u(1)
    if not bits.u(1):
        return None
    _skip_tiles(bits, -(-height // side), -(-width // side), side)
    return bits.u(8)


def _skip_tiles(bits: BitReader, rows: int, columns: int, side: int) -> None:
    """The rest of tile_info(), 5.9.15."""
    least, area = _log2(4096 // side, columns), _log2((4096 // side) * (2304 // side), rows * columns)
    across = _tile_log2(bits, least, _log2(1, min(columns, 64)))
    down = _tile_log2(bits, max(max(least, area) - across, 0), _log2(1, min(rows, 64)))
    if across or down:
        bits.u(across + down + 2)


def _tile_log2(bits: BitReader, least: int, most: int) -> int:
    while least < most and bits.u(1):
        least += 1
    return least


def _log2(size: int, target: int) -> int:
    """Least k for which ``size << k`` is at least ``target``."""
    return max(0, (-(-target // size) - 1).bit_length())


def _tools(sequence: bytes, height: int, width: int, color: bool) -> int:
    """The tools byte of an encoder's sequence header.

    Raises:
        CodecError: The header says something that ours could not.
    """
    reader = BitReader(sequence, "AV1 sequence header")
    try:
        still = reader.u(5)
        reader.u(5)
        across, down = reader.u(4) + 1, reader.u(4) + 1
        size = reader.u(across) + 1, reader.u(down) + 1
        bits = [reader.u(1) for _ in range(6)]
        deep, mono = reader.u(1), reader.u(1)
        if reader.u(1):
            reader.u(24)
        full = reader.u(1)
        split = 0
        if color:
            reader.u(2)
            split = reader.u(1)
        grain = reader.u(1)
    except BitstreamError as error:
        raise CodecError(f"the AV1 encoder wrote a header of another form: {error}") from error
    fixed = (still, size, bits.pop(3), deep, mono, full, split, grain)
    if fixed != (3, (width, height), 0, 0, int(not color), 1, 0, 0):
        raise CodecError("the AV1 encoder wrote a header of another form; use another base codec")
    return sum(bit << index for index, bit in enumerate(bits))
