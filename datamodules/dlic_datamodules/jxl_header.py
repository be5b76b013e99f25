"""What a JPEG XL file declares of its picture (ISO/IEC 18181-1, 18181-2)."""

from __future__ import annotations

from dataclasses import dataclass

from dlic_datamodules.errors import PictureError

__all__ = ["CODESTREAM", "CONTAINER", "JXLFacts", "jxl_facts"]

CODESTREAM = b"\xff\x0a"
CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
# More than all that stands before the depth of its samples.
_HEADER = 64
# Width to height, by the ratio's number.
_RATIOS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
# Numbers in one of four forms, chosen by two bits: an offset, and the bits of what is added to it.
_SIDE = ((1, 9), (1, 13), (1, 18), (1, 30))
_PREVIEW, _PREVIEW_8 = ((1, 6), (65, 8), (321, 10), (1345, 12)), ((16, 0), (32, 0), (1, 5), (33, 9))
_TICKS, _PER, _LOOPS = (
    ((100, 0), (1000, 0), (1, 10), (1, 30)),
    ((1, 0), (1001, 0), (1, 8), (1, 10)),
    ((0, 0), (0, 3), (0, 16), (0, 32)),
)
_WHOLE, _FLOAT = ((8, 0), (10, 0), (12, 0), (1, 6)), ((32, 0), (16, 0), (24, 0), (1, 6))


@dataclass(frozen=True)
class JXLFacts:
    """What a file declares.

    Attributes:
        size: Width and height, either way round.
        bits: Of a sample.
        animated: Whether it has several frames.
    """

    size: tuple[int, int]
    bits: int = 8
    animated: bool = False


def jxl_facts(data: bytes) -> JXLFacts:
    """Reads the header.

    Raises:
        PictureError: The file does not begin as one should.
    """
    stream = data[:_HEADER] if data.startswith(CODESTREAM) else _codestream(data)
    if stream[:2] != CODESTREAM or len(stream) < 4:
        raise PictureError("a JPEG XL file without a picture")
    bits = _Bits(int.from_bytes(stream[2:], "little"))
    size = _size(bits)
    if bits.take(1):  # all that follows is as usual
        return JXLFacts(size)
    animated = False
    if bits.take(1):
        bits.take(3)  # orientation
        if bits.take(1):
            _size(bits)
        if bits.take(1):
            _preview(bits)
        animated = bool(bits.take(1))
        if animated:
            bits.number(_TICKS), bits.number(_PER), bits.number(_LOOPS), bits.take(1)
    return JXLFacts(size, bits.number(_FLOAT if bits.take(1) else _WHOLE), animated)


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)
    height = (bits.take(5) + 1) * 8 if small else bits.number(_SIDE)
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return (bits.take(5) + 1) * 8 if small else bits.number(_SIDE), height


def _preview(bits: _Bits) -> None:
    form = _PREVIEW_8 if bits.take(1) else _PREVIEW
    bits.number(form)
    if not bits.take(3):
        bits.number(form)


class _Bits:
    """Bits, the least of a byte first."""

    def __init__(self, value: int) -> None:
        self.value = value

    def take(self, count: int) -> int:
        taken = self.value & ((1 << count) - 1)
        self.value >>= count
        return taken

    def number(self, forms: tuple[tuple[int, int], ...]) -> int:
        offset, count = forms[self.take(2)]
        return offset + self.take(count)


def _codestream(data: bytes) -> bytes:
    """The start of the codestream in a container's boxes."""
    at = 0
    while at + 8 <= len(data):
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if kind in (b"jxlc", b"jxlp"):
            return data[at + head + 4 * (kind == b"jxlp") :][:_HEADER]
        if size < head:
            break
        at += size
    return b""
