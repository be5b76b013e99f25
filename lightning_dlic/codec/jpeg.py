"""Baseline JPEG, the scan alone: quantisation tables follow from a quality, Huffman tables are the usual ones."""

from __future__ import annotations

import io
import struct
from typing import ClassVar

import numpy as np
from PIL import Image

from lightning_dlic.codec.base import BaseCodec
from lightning_dlic.codec.errors import BitstreamError, CodecError
from lightning_dlic.codec.jpeg_tables import HUFFMAN, QUANTISATION
from lightning_dlic.codec.planes import Planes
from lightning_dlic.codec.video import decode_frame

_END = b"\xff\xd9"


class JPEG(BaseCodec):
    """Baseline JPEG, the scan alone; its inverse transform is not specified to the bit, so it is not exact."""

    number: ClassVar[int | None] = 4
    steps: ClassVar[int] = 100
    start: ClassVar[tuple[float, float]] = (1.0, 15.0)
    max_side: ClassVar[int] = 65500

    def encode(self, planes: Planes, quality: int, effort: int = 5) -> bytes:
        """See `BaseCodec.encode`; quality is libjpeg's less 1."""
        out = io.BytesIO()
        _image(planes).save(out, "JPEG", quality=quality + 1, subsampling=2 if planes.color else -1)
        file = out.getvalue()
        scan = file.index(b"\xff\xda")
        start = scan + 2 + int.from_bytes(file[scan + 2 : scan + 4], "big")
        if _segments(file[:start]) != _segments(_header(quality + 1, *planes.size, planes.color)):
            raise CodecError("libjpeg wrote a header of another form; use another base codec")
        return bytes([quality + 1]) + file[start:].removesuffix(_END)

    def decode(self, payload: bytes, height: int, width: int, color: bool) -> Planes:
        """See `BaseCodec.decode`."""
        if not payload or not 1 <= payload[0] <= 100:
            raise BitstreamError("jpeg payload: its first byte is no quality")
        if b"\xff" in payload[1:].replace(b"\xff\0", b""):
            raise BitstreamError("jpeg payload: a marker inside the scan")
        file = _header(payload[0], height, width, color) + payload[1:] + _END
        return decode_frame("mjpeg", file, height, width, color, "jpeg payload")


def _image(planes: Planes) -> Image.Image:
    if planes.cb is None or planes.cr is None:
        return Image.fromarray(planes.y)
    height, width = planes.size
    # Equal pairs come back from libjpeg's averaging as they were.
    chroma = [plane.repeat(2, 0).repeat(2, 1)[:height, :width] for plane in (planes.cb, planes.cr)]
    return Image.merge("YCbCr", [Image.fromarray(plane) for plane in (planes.y, *chroma)])


def _table(kind: int, quality: int) -> bytes:
    """A quantisation table in zigzag order at libjpeg's quality."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    base = np.frombuffer(QUANTISATION[kind], np.uint8).astype(np.int64)
    return bytes(np.clip((base * scale + 50) // 100, 1, 255).astype(np.uint8))


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _header(quality: int, height: int, width: int, color: bool) -> bytes:
    """All markers from the start of the image to the start of the scan (ITU-T T.81, annex B)."""
    components = ((1, 0x22, 0), (2, 0x11, 1), (3, 0x11, 1)) if color else ((1, 0x11, 0),)
    kinds = range(2 if color else 1)
    frame = struct.pack(">BHHB", 8, height, width, len(components)) + b"".join(map(bytes, components))
    scan = bytes([len(components)]) + b"".join(bytes([c, 0x11 * table]) for c, _, table in components)
    return b"".join(
        [
            b"\xff\xd8",
            *(_segment(0xDB, bytes([kind]) + _table(kind, quality)) for kind in kinds),
            _segment(0xC0, frame),
            *(_segment(0xC4, bytes([place]) + HUFFMAN[place]) for kind in kinds for place in (kind, 16 + kind)),
            _segment(0xDA, scan + bytes([0, 63, 0])),
        ]
    )


def _segments(header: bytes) -> set[bytes]:
    """Segments of a header but for the application's own; tables of one marker count one by one."""
    found, at = set(), 2
    while at < len(header):
        marker, size = header[at + 1], int.from_bytes(header[at + 2 : at + 4], "big")
        if marker != 0xE0:
            found.add(header[at : at + 2 + size])
        at += 2 + size
    return found
