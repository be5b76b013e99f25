"""Network abstraction layer units, as HEVC and VVC frame their data."""

START = b"\0\0\0\1"


def escape(rbsp: bytes) -> bytes:
    """Inserts emulation prevention bytes, so that no start code appears inside."""
    out, zeros = bytearray(), 0
    for byte in rbsp:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def unescape(data: bytes) -> bytes:
    """Removes emulation prevention bytes."""
    return data.replace(b"\0\0\3", b"\0\0")


def split(stream: bytes) -> list[bytes]:
    """Units of a byte stream, without start codes."""
    return stream.replace(START, START[1:]).split(START[1:])[1:]


def join(*units: bytes) -> bytes:
    """A byte stream of units."""
    return b"".join(START + unit for unit in units)
