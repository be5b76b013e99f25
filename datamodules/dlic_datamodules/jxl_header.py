"""The size that a JPEG XL file declares (ISO/IEC 18181-1, 18181-2)."""

from __future__ import annotations

from dlic_datamodules.errors import PictureError

__all__ = ["CODESTREAM", "CONTAINER", "jxl_size"]

CODESTREAM = b"\xff\x0a"
CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_LENGTHS = (9, 13, 18, 30)
# Width to height, by the ratio's number.
_RATIOS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def jxl_size(data: bytes) -> tuple[int, int]:
    """Width and height, either way round.

    Raises:
        PictureError: The file does not begin as one should.
    """
    stream = data if data.startswith(CODESTREAM) else _codestream(data)
    bits = _Bits(int.from_bytes(stream[2:16], "little"))
    if stream[:2] != CODESTREAM or len(stream) < 4:
        raise PictureError("a JPEG XL file without a picture")
    small = bits.take(1)
    height = (bits.take(5) + 1) * 8 if small else bits.take(_LENGTHS[bits.take(2)]) + 1
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return (bits.take(5) + 1) * 8 if small else bits.take(_LENGTHS[bits.take(2)]) + 1, height


class _Bits:
    """Bits, the least of a byte first."""

    def __init__(self, value: int) -> None:
        self.value = value

    def take(self, count: int) -> int:
        taken = self.value & ((1 << count) - 1)
        self.value >>= count
        return taken


def _codestream(data: bytes) -> bytes:
    """The start of the codestream in a container's boxes."""
    at = 0
    while at + 8 <= len(data):
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if kind in (b"jxlc", b"jxlp"):
            return data[at + head + 4 * (kind == b"jxlp") :][:16]
        if size < head:
            break
        at += size
    return b""
