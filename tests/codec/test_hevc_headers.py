"""Our own HEVC headers against the encoder's."""

import numpy as np
import pytest

from lightning_dlic.codec import nal
from lightning_dlic.codec.errors import BitstreamError
from lightning_dlic.codec.hevc import HEVC, _options, _pad
from lightning_dlic.codec.hevc_headers import Slice, parameter_sets, slice_nal, split_slice
from lightning_dlic.codec.planes import Planes, chroma_size
from lightning_dlic.codec.video import encode_frame

# Every CTU size, both sides of several levels' limits, extreme shapes, and sizes that need emulation prevention.
SIZES = [
    *((1, 1), (16, 16), (17, 31), (24, 500), (33, 40), (63, 64), (64, 64), (96, 128), (100, 75), (192, 192)),
    *((192, 200), (240, 512), (256, 256), (256, 488), (8, 768), (512, 768), (768, 512), (544, 1024), (720, 1280)),
    *((1080, 1920), (64, 4104), (1504, 2000), (40, 9000)),
]


def textured(height: int, width: int, color: bool) -> Planes:
    random = np.random.default_rng(height * 10007 + width)

    def plane(rows: int, columns: int) -> np.ndarray:
        ramp = np.add.outer(np.arange(rows), np.arange(columns)) // 3
        return (ramp + random.integers(0, 20, (rows, columns))).astype(np.uint8)

    chroma = [plane(*chroma_size(height, width)) for _ in range(2)] if color else []
    return Planes(plane(height, width), *chroma)


@pytest.mark.slow
@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_headers_equal_the_encoders_to_the_byte(size: tuple[int, int], color: bool) -> None:
    planes = _pad(textured(*size, color))
    pixels = "yuv420p" if color else "gray"
    qualities = (0, 12, 25, 40, 51) if planes.y.size < 40_000 else (12,)
    for quality in qualities:
        *sets, picture = nal.split(encode_frame("libx265", planes, pixels, _options(planes.size, quality, 5)))
        assert tuple(sets) == parameter_sets(*planes.size, color)
        header, data = split_slice(picture, color)
        assert slice_nal(header, data, color) == picture
        assert header.qp == 51 - quality


def test_a_decoder_needs_no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    planes = textured(40, 56, False)
    payload = HEVC().encode(planes, 20)
    monkeypatch.setattr("lightning_dlic.codec.hevc.encode_frame", None)
    assert HEVC().decode(payload, 40, 56, False).size == (40, 56)


def test_emulation_prevention_round_trip() -> None:
    for raw in (b"\0\0\0\0\0\1", b"\0\0\3\0\0\2\0\0", bytes(20), b"abc\0\0\1def", b""):
        framed = nal.escape(raw)
        assert nal.unescape(framed) == raw
        assert b"\0\0\1" not in framed
        assert b"\0\0\0" not in framed


@pytest.mark.parametrize("first", [52, 63, 0x80 | 30])
def test_impossible_first_bytes_are_refused(first: int) -> None:
    with pytest.raises(BitstreamError, match="hevc payload"):
        HEVC().decode(bytes([first]) + b"data", 32, 32, False)


def test_slice_header_carries_every_qp() -> None:
    for qp in range(52):
        for flags in ((False, False), (True, False), (False, True)):
            header = Slice(qp, *flags)
            assert split_slice(slice_nal(header, b"\x12\x34\x80", True), True) == (header, b"\x12\x34\x80")
