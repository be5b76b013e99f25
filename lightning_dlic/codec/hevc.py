"""HEVC intra by x265, the slice data alone: what BPG was, without its file."""

from __future__ import annotations

from typing import ClassVar

from lightning_dlic.codec import nal
from lightning_dlic.codec.base import BaseCodec
from lightning_dlic.codec.errors import BitstreamError, CodecError
from lightning_dlic.codec.hevc_headers import Slice, ctu_size, parameter_sets, slice_nal, split_slice
from lightning_dlic.codec.planes import Planes, chroma_size, pad
from lightning_dlic.codec.video import decode_frame, encode_frame

_BLOCK, _LEAST, _LONG = 8, 16, 4216
# Wavefronts and frame threads change the bytes with the machine. Psychovisual tuning costs 3 % at equal PSNR.
_SETTINGS = (
    "log-level=none:keyint=1:info=0:annexb=1:repeat-headers=1:no-wpp=1:frame-threads=1:pools=none:"
    "fps=1:vui-timing-info=0:ipratio=1:aq-mode=0:cutree=0:psy-rd=0:psy-rdoq=0:rect=0:amp=0"
)


class HEVC(BaseCodec):
    """HEVC intra, slice data only; parameter sets and slice header are rebuilt from the picture's size."""

    number: ClassVar[int | None] = 1
    exact: ClassVar[bool] = True
    steps: ClassVar[int] = 52
    auto_effort: ClassVar[int | None] = 1
    start: ClassVar[tuple[float, float]] = (10.0, 5.4)

    def encode(self, planes: Planes, quality: int, effort: int = 5) -> bytes:
        """See `BaseCodec.encode`; quality is 51 - QP."""
        padded = _pad(planes)
        options = _options(padded.size, quality, effort)
        stream = encode_frame("libx265", padded, "yuv420p" if planes.color else "gray", options)
        *sets, picture = nal.split(stream)
        if tuple(sets) != parameter_sets(*padded.size, planes.color):
            raise CodecError("this build of x265 writes parameter sets of another form; use another base codec")
        header, data = split_slice(picture, planes.color)
        return bytes([header.qp | header.sao_luma << 6 | header.sao_chroma << 7]) + data

    def decode(self, payload: bytes, height: int, width: int, color: bool) -> Planes:
        """See `BaseCodec.decode`."""
        if not payload:
            raise BitstreamError("hevc payload: empty")
        first = payload[0]
        header = Slice(first & 63, bool(first & 64), bool(first & 128))
        if header.qp > 51 or (header.sao_chroma and not color):
            raise BitstreamError(f"hevc payload: first byte {first} is no slice header")
        rows, columns = _padded(height, width)
        units = (*parameter_sets(rows, columns, color), slice_nal(header, payload[1:], color))
        return decode_frame("hevc", nal.join(*units), height, width, color, "hevc payload")

    def log_step(self, payload: bytes, height: int, width: int) -> float:
        """See `BaseCodec.log_step`."""
        return ((payload[0] & 63) - 4) / 6


def _options(size: tuple[int, int], quality: int, effort: int) -> dict[str, str]:
    ctu = ctu_size(*size)
    # x265 refuses a deeper hierarchy than the unit holds.
    depth = 3 if ctu == 16 else 4
    settings = f"{_SETTINGS}:ctu={ctu}:tu-intra-depth={depth}:tu-inter-depth=3:qp={51 - quality}"
    return {"preset": "medium" if effort < 3 else "veryslow", "x265-params": settings}


def _padded(height: int, width: int) -> tuple[int, int]:
    """Sides that x265 takes: from level 5 on, which long ones need, coding units have at least 32 samples a side."""
    least = _LEAST if max(height, width) <= _LONG else 2 * _LEAST
    rows, columns = (max(least, -(-side // _BLOCK) * _BLOCK) for side in (height, width))
    return rows, columns


def _pad(planes: Planes) -> Planes:
    height, width = _padded(*planes.size)
    luma = pad(planes.y, height, width)
    if planes.cb is None or planes.cr is None:
        return Planes(luma)
    return Planes(luma, *(pad(plane, *chroma_size(height, width)) for plane in (planes.cb, planes.cr)))
