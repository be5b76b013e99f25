"""What a VP8 key frame says at its beginning (RFC 6386, 9.2 to 9.6): the index of its quantizer."""

from __future__ import annotations


class _Bits:
    """Reads bits of even odds of a boolean entropy code (RFC 6386, 7.3); zeros behind its end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 2
        self._value = int.from_bytes(data[:2].ljust(2, b"\0"), "big")
        self._range, self._shift = 255, 0

    def u(self, width: int) -> int:
        value = 0
        for _ in range(width):
            value = 2 * value + self._bit()
        return value

    def optional(self, width: int) -> None:
        """A flag, and if it is set a number of so many bits."""
        if self._bit():
            self.u(width)

    def _bit(self) -> int:
        split = 1 + ((self._range - 1) * 128 >> 8)
        one = self._value >= split << 8
        if one:
            self._value -= split << 8
        self._range = self._range - split if one else split
        while self._range < 128:
            self._range, self._value, self._shift = self._range << 1, self._value << 1, self._shift + 1
            if self._shift == 8:
                self._shift = 0
                self._value |= self._data[self._at] if self._at < len(self._data) else 0
                self._at += 1
        return int(one)


def base_index(data: bytes) -> int:
    """y_ac_qi of a key frame.

    Args:
        data: Of the first partition, the beginning.

    Returns:
        0, finest, to 127.
    """
    bits = _Bits(data)
    bits.u(2)
    if bits.u(1):
        _skip_segments(bits)
    bits.u(10)
    if bits.u(1) and bits.u(1):
        for _ in range(8):
            bits.optional(7)
    bits.u(2)
    return bits.u(7)


def _skip_segments(bits: _Bits) -> None:
    named, told = bits.u(1), bits.u(1)
    if told:
        bits.u(1)
        for width in (8, 8, 8, 8, 7, 7, 7, 7):
            bits.optional(width)
    if named:
        for _ in range(3):
            bits.optional(8)
