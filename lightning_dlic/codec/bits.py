"""Single bits, most significant first, as video standards write their headers."""

from __future__ import annotations

from lightning_dlic.codec.errors import BitstreamError


class BitWriter:
    """Collects bits into bytes."""

    def __init__(self) -> None:
        """Starts empty."""
        self._bits: list[str] = []

    def u(self, width: int, value: int) -> BitWriter:
        """Appends ``value`` as ``width`` bits; returns itself, so that calls chain.

        Raises:
            ValueError: The value does not fit.
        """
        if value < 0 or value >> width:
            raise ValueError(f"{value} does not fit {width} bits")
        if width:
            self._bits.append(f"{value:0{width}b}")
        return self

    def ue(self, value: int) -> BitWriter:
        """Appends an unsigned Exp-Golomb code."""
        width = (value + 1).bit_length()
        return self.u(width - 1, 0).u(width, value + 1)

    def se(self, value: int) -> BitWriter:
        """Appends a signed Exp-Golomb code."""
        return self.ue(2 * value - 1 if value > 0 else -2 * value)

    def trail(self) -> BitWriter:
        """Appends a one and zeros up to the next byte."""
        self.u(1, 1)
        return self.u(-self.length % 8, 0)

    @property
    def length(self) -> int:
        """Bits so far."""
        return sum(map(len, self._bits))

    def bytes(self) -> bytes:
        """The bytes so far, the last filled with zeros."""
        text = "".join(self._bits)
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big") if text else b""


class BitReader:
    """Reads bits of a byte string; never past its end."""

    def __init__(self, data: bytes, where: str) -> None:
        """Starts at the first bit.

        Args:
            data: The bytes.
            where: What they are, for messages.
        """
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)
        self._where = where

    def u(self, width: int) -> int:
        """Reads ``width`` bits.

        Raises:
            BitstreamError: Fewer are left.
        """
        if width > self._left:
            raise BitstreamError(f"{self._where}: ends inside a field of {width} bits")
        self._left -= width
        return (self._value >> self._left) & ((1 << width) - 1)

    def ue(self) -> int:
        """Reads an unsigned Exp-Golomb code of at most 32 leading zeros."""
        zeros = 0
        while self.u(1) == 0:
            zeros += 1
            if zeros > 32:
                raise BitstreamError(f"{self._where}: an Exp-Golomb code of more than 32 leading zeros")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """Reads a signed Exp-Golomb code."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def align(self) -> None:
        """Skips to the next byte."""
        self._left -= self._left % 8

    @property
    def bytes_left(self) -> int:
        """Whole bytes not read yet."""
        return self._left // 8


def leb128(value: int) -> bytes:
    """Little-endian base 128, seven bits a byte, the top bit set on all but the last."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_leb128(data: bytes, at: int, where: str, most: int = 5) -> tuple[int, int]:
    """Reads a number that `leb128` wrote.

    Args:
        data: Bytes to read from.
        at: Offset of the first.
        where: What the number is, for messages.
        most: Bytes it may take.

    Returns:
        The number and the offset behind it.

    Raises:
        BitstreamError: The data ends inside, the number takes more bytes than allowed or than it needs.
    """
    value = 0
    for index in range(most):
        if at + index >= len(data):
            raise BitstreamError(f"byte {at + index}: the stream ends inside {where}")
        byte = data[at + index]
        value |= (byte & 127) << (7 * index)
        if byte < 128:
            if index and not byte:
                raise BitstreamError(f"byte {at + index}: {where} is written with more bytes than it needs")
            return value, at + index + 1
    raise BitstreamError(f"byte {at}: {where} takes more than {most} bytes")
