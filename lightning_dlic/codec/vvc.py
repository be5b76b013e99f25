"""VVC intra by vvenc, which comes with imageio-ffmpeg: the slice alone. FFmpeg's own decoder reads it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import numpy as np

from dlic_registry.patience import patient
from lightning_dlic.codec import nal
from lightning_dlic.codec.base import BaseCodec
from lightning_dlic.codec.bits import BitReader, BitWriter, leb128, read_leb128
from lightning_dlic.codec.errors import BitstreamError, CodecError
from lightning_dlic.codec.planes import Planes, chroma_size, pad
from lightning_dlic.codec.video import decode_frame

_WHERE = "vvc payload"
_LIBRARY = "libvvenc"
_NEEDS = "base codec vvc needs "
_BLOCK, _LEAST = 8, 16
_ACCESS, _SEQUENCE, _PICTURE = b"\x00\xa1", b"\x00\x79", b"\x00\x81"
_FILTER, _SLICE = b"\x00\x89", b"\x00\x41"
# Fields of vvenc's preset "medium" behind the two sizes, which stand in the middle of both sets: width and value.
_SEQUENCE_TAIL = (250, 0xA80FA6DD32348A4DE709B2B182041382AFFD2ECBFCE4800000008000000098)
_PICTURE_TAIL = (33, 0x26033EC0)
_LEVEL = 0x66
# What the picture parameter set says of QPs, and bytes in which a slice's header ends.
_INITIAL_QP, _HEADER = 35, 16
# How many times the Lagrange multiplier is halved for as many more bytes as the next QP takes, and from how near to the
# next that begins with more weight rather than this with less: so bytes grow without a leap.
_LAGRANGE, _UP = 0.42, 0.3
# QPs by which its errors are those of a finer step: it weighs two quantisers against each other and filters more.
_FINER = 7
_SECONDS = 600
# For FFmpeg to say whether it has the encoder.
_ANSWER = 60


class VVC(BaseCodec):
    """VVC intra, slice data and adaptive filters only; needs imageio-ffmpeg to encode, nothing more to decode."""

    number: ClassVar[int | None] = 6
    exact: ClassVar[bool] = True
    # vvenc fails on some pictures that grow larger than their samples: QP 63 to 10.
    steps: ClassVar[int] = 54
    auto_effort: ClassVar[int | None] = 4
    start: ClassVar[tuple[float, float]] = (18.5, 5.6)

    def missing(self) -> str | None:
        """See `BaseCodec.missing`."""
        try:
            found = encoder()
        except CodecError as error:
            return str(error).removeprefix(_NEEDS)
        return None if found else f"FFmpeg with {_LIBRARY}: pip install imageio-ffmpeg has one for most platforms"

    def encode(self, planes: Planes, quality: int, effort: int = 5) -> bytes:
        """See `BaseCodec.encode`; quality is 63 - QP, and the encoder knows one effort."""
        return self.encode_between(planes, quality)

    def encode_between(self, planes: Planes, quality: float, effort: int = 5) -> bytes:
        """See `BaseCodec.encode_between`; between two QPs bits weigh less at the coarser, or more at the finer."""
        height, width = map(_padded, planes.size)
        step = int(quality + _UP)
        units = nal.split(_vvenc(planes, height, width, 63 - step, 2 ** (_LAGRANGE * (step - quality))))
        if len(units) < 4 or tuple(units[1:3]) != _parameter_sets(height, width, _level(units[1])):
            raise CodecError("this build of vvenc writes parameter sets of another form; use another base codec")
        *filters, picture = units[3:]
        if not picture.startswith(_SLICE) or any(not unit.startswith(_FILTER) for unit in filters):
            raise CodecError("vvenc wrote units of another kind; use another base codec")
        bodies = [nal.unescape(unit[2:]) for unit in filters]
        head = bytes([len(bodies)]) + b"".join(leb128(len(body)) + body for body in bodies)
        # vvenc fills up to a least size with zero words, which stand for nothing.
        return head + nal.unescape(picture[2:]).rstrip(b"\0")

    def decode(self, payload: bytes, height: int, width: int, color: bool) -> Planes:
        """See `BaseCodec.decode`."""
        bodies, rest = _split(payload)
        rows, columns = _padded(height), _padded(width)
        units = [_ACCESS + b"\x28", *_parameter_sets(rows, columns, _LEVEL)]
        units += [_FILTER + nal.escape(body) for body in bodies]
        stream = nal.join(*units, _SLICE + nal.escape(rest))
        planes = decode_frame("vvc", stream, height, width, True, _WHERE)
        return planes if color else Planes(planes.y)

    def log_step(self, payload: bytes, height: int, width: int) -> float | None:
        """See `BaseCodec.log_step`; of the step at which HEVC errs alike (docs/notes/told.md)."""
        qp = _slice_qp(BitReader(_split(payload)[1][:_HEADER], _WHERE))
        return None if qp is None else (qp - 4 - _FINER) / 6


def _padded(side: int) -> int:
    return max(_LEAST, -(-side // _BLOCK) * _BLOCK)


def _split(payload: bytes) -> tuple[list[bytes], bytes]:
    """Adaptive filter sets, at most 8, and the slice."""
    if not payload or payload[0] > 8:
        raise BitstreamError(f"{_WHERE}: its first byte is no number of filter sets")
    bodies, at = [], 1
    for _ in range(payload[0]):
        size, at = read_leb128(payload, at, "a filter set's length")
        if size > len(payload) - at:
            raise BitstreamError(f"{_WHERE}: ends inside a filter set")
        bodies.append(payload[at : at + size])
        at += size
    return bodies, payload[at:]


def _slice_qp(bits: BitReader) -> int | None:
    """QP of a slice (ITU-T H.266, 7.3.2.8 and 7.3.7) under our parameter sets; None for a header of another form."""
    # Picture header inside; an IRAP picture, no GDR, without inter slices.
    if bits.u(5) & 0b11011 != 0b11000 or bits.ue():
        return None
    bits.u(8)
    # No other partition constraints, whole coding units share a QP; then the sign of joint chroma and prior output.
    if bits.u(1) or bits.ue():
        return None
    bits.u(2)
    if bits.u(1):
        _skip_filters(bits)
    qp = _INITIAL_QP + bits.se()
    return qp if 0 <= qp <= 63 else None


def _skip_filters(bits: BitReader) -> None:
    """Which adaptive filters a slice uses."""
    for _ in range(bits.u(3)):
        bits.u(3)
    if bits.u(2):
        bits.u(3)
    for _ in ("Cb", "Cr"):
        if bits.u(1):
            bits.u(3)


def _level(sequence: bytes) -> int:
    """general_level_idc of a sequence parameter set."""
    return nal.unescape(sequence)[5]


def _parameter_sets(height: int, width: int, level: int) -> tuple[bytes, bytes]:
    """SPS and PPS of 8-bit 4:2:0 (ITU-T H.266, 7.3.2), as vvenc's preset "medium" writes them."""
    sps = BitWriter().u(24, 0x000D02).u(8, level).u(18, 0x20002).ue(width).ue(height).u(*_SEQUENCE_TAIL).trail()
    pps = BitWriter().u(11, 0).ue(width).ue(height).u(*_PICTURE_TAIL).trail()
    return _SEQUENCE + nal.escape(sps.bytes()), _PICTURE + nal.escape(pps.bytes())


@cache
def encoder() -> str | None:
    """The FFmpeg that encodes VVC; None where there is none.

    Raises:
        CodecError: There is one that does not say whether it does, which may be otherwise the next time.
    """
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        program = str(get_ffmpeg_exe())
        status, told, _ = _ran([program, "-v", "error", "-h", f"encoder={_LIBRARY}"], b"", _ANSWER)
    except (ImportError, RuntimeError):
        return None
    except TimeoutError:
        raise CodecError(
            f"{_NEEDS}an answer of {program}, which took more than {_ANSWER} s: is the machine busy?"
        ) from None
    except OSError as error:
        raise CodecError(f"{_NEEDS}{program} to start ({error.strerror or error})") from error
    if status < 0:
        raise CodecError(f"{_NEEDS}an answer of {program}, which was ended by signal {-status}: is memory short?")
    return program if f"Encoder {_LIBRARY}".encode() in told else None


def _vvenc(planes: Planes, height: int, width: int, qp: int, lagrange: float) -> bytes:
    """A VVC byte stream of one picture; ``lagrange`` times the usual is what a bit costs."""
    program = encoder()
    if program is None:
        raise CodecError(f"{_NEEDS}FFmpeg with {_LIBRARY} to encode: pip install imageio-ffmpeg")
    half = chroma_size(height, width)
    chroma = (planes.cb, planes.cr) if planes.cb is not None and planes.cr is not None else ()
    parts = [pad(planes.y, height, width), *(pad(plane, *half) for plane in chroma)]
    parts += [np.full(half, 128, np.uint8)] * (3 - len(parts))
    # vvenc takes 10 bits only; it drops the two below again.
    raw = b"".join((part.astype("<u2") << 2).tobytes() for part in parts)
    source = ("-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", f"{width}x{height}", "-r", "1", "-i", "-")
    settings = ["-preset", "medium", "-qp", str(qp), "-qpa", "0", "-period", "1", "-threads", "1"]
    weighed = "" if lagrange == 1 else f":LambdaModifierI={lagrange:.4f}"
    settings += ["-vvenc-params", f"internalbitdepth=8{weighed}"]
    command = [program, "-v", "error", *source, "-c:v", _LIBRARY, *settings, "-f", "vvc"]
    # Not to standard output: vvenc prints its warnings there, in between the bytes.
    with TemporaryDirectory() as folder:
        out = Path(folder, "picture.266")
        try:
            status, _, said = _ran([*command, str(out)], raw, _SECONDS)
        except TimeoutError as error:
            raise CodecError(f"vvenc took more than {_SECONDS} s for a picture of {width}x{height}") from error
        if status:
            reason = said.decode(errors="replace").strip().splitlines()[:1]
            raise CodecError(f"vvenc cannot code a picture of {width}x{height}: {' '.join(reason)}")
        return out.read_bytes()


def _ran(command: Sequence[str], given: bytes, seconds: float) -> tuple[int, bytes, bytes]:
    """Status, standard output and standard error of a program that reads some bytes.

    Raises:
        TimeoutError: It takes too long; it is ended.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        rest, told, said = [given], b"", b""

        def wait(seconds: float) -> bool:
            nonlocal told, said
            try:
                told, said = process.communicate(rest.pop() if rest else None, seconds)
            except subprocess.TimeoutExpired:
                return False
            return True

        try:
            if not patient(seconds, wait):
                raise TimeoutError
        except BaseException:
            process.kill()
            raise
        return process.returncode, told, said
