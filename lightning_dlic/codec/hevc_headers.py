"""HEVC's parameter sets and slice header for one intra picture, written from its size alone (ITU-T H.265, clause 7.3).

The values are those of the encoder settings in `lightning_dlic.codec.hevc`; a decoder needs no encoder to write them.
"""

from __future__ import annotations

from dataclasses import dataclass

from lightning_dlic.codec.bits import BitReader, BitWriter
from lightning_dlic.codec.errors import BitstreamError, CodecError
from lightning_dlic.codec.nal import escape, unescape

_SLICE_NAL = b"\x28\x01"  # IDR_N_LP
_INIT_QP = 26
# general_level_idc by the largest luma picture that level allows (table A.8).
_LEVELS = (
    *((36864, 30), (122880, 60), (245760, 63), (552960, 90)),
    *((983040, 93), (2228224, 120), (8912896, 150), (35651584, 180)),
)
_LARGEST_LEVEL = 189


@dataclass(frozen=True)
class Slice:
    """What a slice header says beyond what is always the same."""

    qp: int
    sao_luma: bool
    sao_chroma: bool


def ctu_size(height: int, width: int) -> int:
    """Side of a coding tree unit: the largest that a small picture fills."""
    side = min(height, width)
    return 64 if side >= 64 else 32 if side >= 32 else 16


def _level(height: int, width: int) -> int:
    for samples, level in _LEVELS:
        if height * width <= samples and max(height, width) ** 2 <= 8 * samples:
            return level
    return _LARGEST_LEVEL


def _profile(out: BitWriter, height: int, width: int, color: bool) -> None:
    """profile_tier_level(): format range extensions, intra, 8 bits."""
    out.u(2, 0).u(1, 0).u(5, 4).u(32, 1 << 27)
    # Progressive frames only; at most 12, 10 and 8 bits; at most 4:2:2, 4:2:0 and, for grey, 4:0:0; intra.
    out.u(4, 0b1001).u(5, 0b11111).u(1, 0 if color else 1).u(1, 1).u(1, 0).u(1, 1).u(35, 0)
    out.u(8, _level(height, width))


def parameter_sets(height: int, width: int, color: bool) -> tuple[bytes, bytes, bytes]:
    """VPS, SPS and PPS as NAL units without start codes.

    Args:
        height: Luma rows, a multiple of 8.
        width: Luma columns, a multiple of 8.
        color: 4:2:0 instead of 4:0:0.
    """
    return _vps(height, width, color), _sps(height, width, color), _pps()


def _vps(height: int, width: int, color: bool) -> bytes:
    out = BitWriter().u(4, 0).u(2, 3).u(6, 0).u(3, 0).u(1, 1).u(16, 0xFFFF)
    _profile(out, height, width, color)
    out.u(1, 1).ue(2).ue(0).ue(1).u(6, 0).ue(0).u(1, 0).u(1, 0).trail()
    return b"\x40\x01" + escape(out.bytes())


def _sps(height: int, width: int, color: bool) -> bytes:
    depth = ctu_size(height, width).bit_length() - 1
    out = BitWriter().u(4, 0).u(3, 0).u(1, 1)
    _profile(out, height, width, color)
    out.ue(0).ue(1 if color else 0).ue(width).ue(height).u(1, 0)
    out.ue(0).ue(0).ue(4).u(1, 1).ue(2).ue(0).ue(1)
    # Coding blocks 8 to the CTU, transforms 4 to 32, one hierarchy level between inter blocks and up to four in intra.
    out.ue(0).ue(depth - 3).ue(0).ue(min(depth, 5) - 2).ue(2 if depth > 4 else depth - 2).ue(min(depth - 2, 3))
    # No scaling lists nor asymmetric partitions; SAO; no PCM, no reference sets; motion prediction; smoothing.
    out.u(1, 0).u(1, 0).u(1, 1).u(1, 0).ue(0).u(1, 0).u(1, 1).u(1, 1)
    # Usability information: an unspecified video signal and nothing else.
    out.u(1, 1).u(2, 0).u(1, 1).u(3, 5).u(1, 0).u(1, 0).u(6, 0).u(1, 0).u(1, 0)
    out.u(1, 0).trail()
    return b"\x42\x01" + escape(out.bytes())


def _pps() -> bytes:
    out = BitWriter().ue(0).ue(0).u(1, 0).u(1, 0).u(3, 0).u(1, 1).u(1, 0).ue(0).ue(0).se(0)
    # Neither constrained intra, transform skip, QP deltas, weighting, bypass, tiles nor wavefronts.
    out.u(1, 0).u(1, 0).u(1, 0).se(0).se(0).u(1, 0).u(2, 0).u(1, 0).u(2, 0)
    out.u(1, 1).u(1, 0).u(1, 0).u(1, 0).ue(0).u(1, 0).u(1, 0).trail()
    return b"\x44\x01" + escape(out.bytes())


def slice_nal(header: Slice, data: bytes, color: bool) -> bytes:
    """The slice as a NAL unit without start code.

    Args:
        header: Its header.
        data: Slice data without emulation prevention bytes, from the byte behind the header.
        color: Whether there is chroma.
    """
    out = BitWriter().u(1, 1).u(1, 0).ue(0).ue(2).u(1, header.sao_luma)
    if color:
        out.u(1, header.sao_chroma)
    out.se(header.qp - _INIT_QP).u(1, 1).trail()
    return _SLICE_NAL + escape(out.bytes() + data)


def split_slice(nal: bytes, color: bool) -> tuple[Slice, bytes]:
    """Inverse of `slice_nal`.

    Raises:
        CodecError: The encoder wrote a slice that `slice_nal` does not rebuild.
    """
    body = unescape(nal[2:])
    reader = BitReader(body, "slice header")
    try:
        fixed = reader.u(1), reader.u(1), reader.ue(), reader.ue()
        luma = reader.u(1)
        chroma = reader.u(1) if color else 0
        header = Slice(_INIT_QP + reader.se(), bool(luma), bool(chroma))
        filtered = reader.u(1)
        reader.u(1)
        reader.align()
    except BitstreamError as error:
        raise CodecError(f"the HEVC encoder wrote a slice without data: {error}") from error
    data = body[len(body) - reader.bytes_left :]
    if fixed != (1, 0, 0, 2) or filtered != 1 or slice_nal(header, data, color) != nal:
        raise CodecError("the HEVC encoder wrote a slice header of another form; use another base codec")
    return header, data
