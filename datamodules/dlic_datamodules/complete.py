"""Whether a file holds every row of its picture: readers leave black what it does not."""

from __future__ import annotations

import math
import zlib
from typing import Any

from PIL import Image

from dlic_datamodules.errors import PictureError
from dlic_datamodules.ffmpeg import frames

__all__ = ["check_chunks", "check_png", "check_rows"]

_PNG = b"\x89PNG\r\n\x1a\n"
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# First column and row, and steps between columns and rows, of the passes of an interlaced picture.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_STEP = 1 << 20
_MISSING = "cannot be decoded: its last rows are missing"
# FFmpeg's number for damage; by others it says that it does not read the kind of file.
_INVALID = 0x41444E49


def check_rows(image: Image.Image, data: bytes) -> None:
    """Refuses a PNG or JPEG whose compressed data end, as they should, before its last row.

    Args:
        image: It, loaded.
        data: The file.

    Raises:
        PictureError: Rows are missing.
    """
    if data.startswith(_PNG) and not (data[28] == 0 and _last_row(image)):
        check_png(data)
    elif image.format in ("JPEG", "MPO") and (_last_is_grey(image) or image.info.get("progressive")):
        _check_jpeg(data)


def check_png(data: bytes) -> None:
    """Refuses a PNG that holds too few bytes for all its rows.

    Raises:
        PictureError: Rows are missing.
    """
    expected = _expected(data)
    if _inflated(data, expected) < expected:
        raise PictureError(_MISSING)


def _last_is_grey(image: Image.Image) -> bool:
    """Whether a JPEG's last pixel is of the grey that stands for what is missing."""
    last = image.getpixel((image.width - 1, image.height - 1))
    return all(value in (127, 128) for value in (last if isinstance(last, tuple) else (last,)))


def _check_jpeg(data: bytes) -> None:
    """Refuses a JPEG that ends, end mark and all, within its pixels, which its usual reader bears without a word."""
    try:
        frames(data, "mjpeg", "explode")
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) == _INVALID:
            raise PictureError(_MISSING) from error


def _last_row(image: Image.Image) -> bool:
    """Whether something was written into the last row, which tells of most pictures that they are whole."""
    low = image.crop((0, image.height - 1, image.width, image.height)).getextrema()
    bands: Any = low if isinstance(low[0], tuple) else (low,)
    return any(band[1] > 0 for band in bands)


def _expected(data: bytes) -> int:
    """Bytes of all rows before compression."""
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    bits = data[24] * _SAMPLES[data[25]]
    if data[28] == 0:
        return height * (1 + -(-width * bits // 8))
    total = 0
    for left, top, across, down in _PASSES:
        columns, rows = -(-max(0, width - left) // across), -(-max(0, height - top) // down)
        total += rows * (1 + -(-columns * bits // 8)) if columns else 0
    return total


def _inflated(data: bytes, enough: int) -> int:
    """How many bytes the compressed data give, up to about what is enough."""
    reader, count, at = zlib.decompressobj(), 0, 8
    while at + 8 <= len(data) and count < enough and not reader.eof:
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IDAT":
            rest = data[at + 8 : at + 8 + size]
            while rest and count < enough:
                count += len(reader.decompress(rest, _STEP))
                rest = reader.unconsumed_tail
        at += size + 12
    return count


def check_chunks(page: Any) -> None:
    """Refuses a TIFF that lacks strips or tiles.

    Args:
        page: Of tifffile.

    Raises:
        PictureError: Some have no place in the file, or no bytes.
    """
    due = math.prod(page.chunked)
    if min(len(page.dataoffsets), len(page.databytecounts)) < due or not all((*page.dataoffsets, *page.databytecounts)):
        raise PictureError("cannot be decoded: strips or tiles of it are missing")
