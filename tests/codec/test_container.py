"""The container, byte by byte."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_dlic.codec import Bitstream, BitstreamError, Chunk, base_codec, decode_base, describe
from lightning_dlic.codec.bits import BitReader, BitWriter, leb128, read_leb128
from lightning_dlic.codec.container import BETWEEN_CHUNK
from lightning_dlic.codec.planes import Planes

PLAIN = Bitstream(768, 512, 2, "hevc", False, b"payload", 0x01020304)


def streams() -> st.SearchStrategy[Bitstream]:
    chunk = st.builds(Chunk, st.integers(1, 127).filter(lambda tag: tag != BETWEEN_CHUNK), st.binary(max_size=40))
    return st.builds(
        Bitstream,
        width=st.integers(1, 16000),
        height=st.integers(1, 16000),
        scale=st.integers(1, 16),
        codec=st.sampled_from(["hevc", "avif", "webp", "jpeg", "jxl", "vvc", "intra", "acme_codec"]),
        color=st.booleans(),
        payload=st.binary(max_size=60),
        crc=st.none() | st.integers(0, 2**32 - 1),
        pipeline=st.none() | st.integers(0, 255),
        chunks=st.lists(chunk, max_size=4).map(tuple),
    )


def test_layout() -> None:
    expected = bytes.fromhex("d11c 18 11 8006 8004") + b"payload" + bytes.fromhex("04030201")
    assert PLAIN.to_bytes() == expected


@given(streams())
def test_round_trip(stream: Bitstream) -> None:
    assert Bitstream.from_bytes(stream.to_bytes()) == stream


@pytest.mark.parametrize("side", [1, 127, 16383, 100_000])
def test_at_most_sixteen_bytes_before_the_payload(side: int) -> None:
    stream = replace(PLAIN, width=side, height=side, pipeline=3, color=True)
    data = stream.to_bytes()
    assert data.index(b"payload") <= 16


def test_a_flat_picture_takes_at_most_34_bytes() -> None:
    flat = Planes(np.full((96, 128), 77, np.uint8))
    for name in ("hevc", "avif"):
        codec = base_codec(name)
        payload = codec.encode(flat, 0)
        crc = codec.decode(payload, 96, 128, False).crc32()
        data = Bitstream(128, 96, 1, name, False, payload, crc).to_bytes()
        assert len(data) <= 34
        assert abs(decode_base(Bitstream.from_bytes(data)).y.astype(int) - 77).max() <= 2


@given(st.data())
def test_every_truncation_is_refused_or_shorter(data: st.DataObject) -> None:
    stream = data.draw(streams())
    whole = stream.to_bytes()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    # What is cut off the end of a stream without checksum is the payload's; its codec has to notice.
    with suppress(BitstreamError):
        assert len(Bitstream.from_bytes(cut).payload) < len(stream.payload)


@given(st.binary(max_size=80))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    for candidate in (data, b"\xd1\x1c" + data, b"\xd1\x1c\x1f\x11" + data):
        with suppress(BitstreamError):
            Bitstream.from_bytes(candidate, max_pixels=4_000_000)


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"", "byte 0"),
        (b"\x89PNG\r\n", "byte 0.*89 50"),
        (b"\xd1\x1c", "byte 2"),
        (b"\xd1\x1c\x20\x10\x01\x01", "byte 2: format version 2"),
        (b"\xd1\x1c\x10\x00\x01\x01", "byte 3: base codec number 0"),
        (b"\xd1\x1c\x10\x10\x00\x01", "byte 4: .*no pixels"),
        (b"\xd1\x1c\x10\x10\x80", "byte 5: .*width"),
        (b"\xd1\x1c\x10\x10\x81\x00\x01", "byte 5: .*more bytes than it needs"),
        (b"\xd1\x1c\x10\x10\xff\xff\xff\xff\x0f\xff\x7f", "byte 4: .*max_pixels"),
        (b"\xd1\x1c\x14\x10\x01\x01\x05\x09abc", "byte 6: a chunk of 9 bytes where 3 are left"),
        (b"\xd1\x1c\x14\x10\x01\x01\xe3\x01x\x00", "byte 6: chunk 99 is required"),
        (b"\xd1\x1c\x18\x10\x01\x01abc", "byte 6: .*checksum"),
        (b"\xd1\x1c\x10\xf0\x01\x01\x04ab", "byte 6: no name"),
    ],
)
def test_errors_say_where(data: bytes, where: str) -> None:
    with pytest.raises(BitstreamError, match=where):
        Bitstream.from_bytes(data)


def test_unknown_optional_chunks_are_skipped() -> None:
    codec = base_codec("hevc")
    planes = Planes(np.full((16, 16), 9, np.uint8))
    payload = codec.encode(planes, 30)
    crc = codec.decode(payload, 16, 16, False).crc32()
    stream = Bitstream(16, 16, 1, "hevc", False, payload, crc, chunks=(Chunk(77, b"from the future"),))
    assert decode_base(Bitstream.from_bytes(stream.to_bytes())).crc32() == crc


def test_a_checksum_that_does_not_match_is_an_error() -> None:
    codec = base_codec("avif")
    payload = codec.encode(Planes(np.full((16, 16), 9, np.uint8)), 30)
    with pytest.raises(BitstreamError, match="checksum"):
        decode_base(Bitstream(16, 16, 1, "avif", False, payload, 1))


def test_an_exact_codec_must_carry_a_checksum() -> None:
    payload = base_codec("hevc").encode(Planes(np.full((16, 16), 9, np.uint8)), 30)
    with pytest.raises(BitstreamError, match="contradict"):
        decode_base(Bitstream(16, 16, 1, "hevc", False, payload, None))


def test_a_codec_that_is_not_installed_is_named() -> None:
    with pytest.raises(BitstreamError, match=r"byte 3.*acme_codec"):
        decode_base(Bitstream(16, 16, 1, "acme_codec", False, b"x", None))


def test_describe_counts_every_byte(tmp_path: Path) -> None:
    file = tmp_path / "a.dlic"
    stream = replace(PLAIN, pipeline=1, chunks=(Chunk(9, b"abc"),))
    file.write_bytes(stream.to_bytes())
    told = describe(file)
    assert told["bytes"] == file.stat().st_size == sum(told["parts"].values())
    assert (told["width"], told["height"], told["base"]["width"]) == (768, 512, 384)
    assert told["chunks"] == [{"tag": 9, "bytes": 3, "required": False}]


@given(st.lists(st.tuples(st.sampled_from(["u", "ue", "se"]), st.integers(-1000, 1000)), max_size=30))
def test_bits_round_trip(fields: list[tuple[str, int]]) -> None:
    writer = BitWriter()
    wanted = []
    for kind, value in fields:
        value = value if kind == "se" else abs(value)
        _ = writer.u(10, value) if kind == "u" else getattr(writer, kind)(value)
        wanted.append((kind, value))
    reader = BitReader(writer.bytes(), "test")
    assert [(kind, reader.u(10) if kind == "u" else getattr(reader, kind)()) for kind, _ in wanted] == wanted


@given(st.integers(0, 2**35 - 1))
def test_leb128_round_trip(value: int) -> None:
    assert read_leb128(leb128(value) + b"rest", 0, "it") == (value, len(leb128(value)))
