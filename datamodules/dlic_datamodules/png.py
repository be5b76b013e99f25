"""PNG files (ISO/IEC 15948) written row by row, for pictures that Pillow would cut to 8 bits or want as a whole."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlic_datamodules.deep import PNG

_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
_UP = 2


def png_of_strips(
    size: tuple[int, int], channels: int, strips: Iterable[NDArray[Any]], icc: bytes | None = None, level: int = 6
) -> memoryview:
    """A PNG file of a picture that comes in strips of rows; each row is stored as differences from the row above.

    Args:
        size: Height and width.
        channels: 1 to 4: grey or RGB, the even numbers with transparency.
        strips: uint8 or uint16 ``[rows, width, channels]``, or without the last axis for one channel.
        icc: The colour profile to embed.
        level: zlib's.
    """
    out, packer, above = io.BytesIO(), zlib.compressobj(level), np.zeros(0, np.uint8)
    for strip in strips:
        if not out.tell():
            out.write(_head(size, channels, 8 * strip.itemsize, icc))
            above = np.zeros(size[1] * channels * strip.itemsize, np.uint8)
        rows = np.ascontiguousarray(strip.astype(">u2") if strip.itemsize > 1 else strip).view(np.uint8)
        rows = rows.reshape(len(strip), -1)
        filtered = np.full((len(rows), 1 + rows.shape[1]), _UP, np.uint8)
        np.subtract(rows[0], above, out=filtered[0, 1:])
        np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
        above = rows[-1].copy()
        if content := packer.compress(filtered.data):
            out.write(_chunk(b"IDAT", content))
    out.write(_chunk(b"IDAT", packer.flush()))
    out.write(_chunk(b"IEND", b""))
    return out.getbuffer()


def _head(size: tuple[int, int], channels: int, bits: int, icc: bytes | None) -> bytes:
    head = PNG + _chunk(b"IHDR", struct.pack(">IIBBBBB", size[1], size[0], bits, _COLOURS[channels], 0, 0, 0))
    return head + (_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc)) if icc else b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
