"""How a bitstream names networks one by one."""

from dataclasses import replace

import pytest

from lightning_dlic.codec import Bitstream, BitstreamError, Chunk
from lightning_dlic.codec.container import ALPHA_CHUNK, NETWORKS_CHUNK, PIPELINE_CHUNK
from lightning_dlic.codec.networks import (
    Network,
    alpha_chunks,
    named_networks,
    networks_chunk,
    stream_alpha,
    told_alpha,
)

PLAIN = Bitstream(8, 8, 2, "hevc", False, b"\x00", 0)
NETWORKS = (
    Network("restoration", 0, "acme:deblock", bytes(range(8))),
    Network("sr", 2, "zoo:codec_y_x2", bytes(8)),
    Network("colorization", 0, "mine", b"\xff" * 8),
)


def _stream(*chunks: Chunk) -> Bitstream:
    return Bitstream.from_bytes(replace(PLAIN, chunks=chunks).to_bytes())


def test_networks_come_back_in_their_order() -> None:
    assert named_networks(_stream(networks_chunk(NETWORKS))) == NETWORKS
    assert named_networks(_stream()) is None


def test_a_record_takes_its_names_and_eleven_bytes() -> None:
    body = networks_chunk(NETWORKS[1:2]).body
    assert body == bytes([1, 2, 14]) + b"zoo:codec_y_x2" + bytes(8)
    # A kind that does not ship goes by its name.
    assert networks_chunk(NETWORKS[:1]).body[:13] == bytes([255, 11]) + b"restoration"


@pytest.mark.parametrize(("alpha", "body"), [(1.0, b"\xff"), (0.5, b"\x80"), (0.0, None)])
def test_alpha_takes_a_byte_and_nothing_is_0(alpha: float, body: bytes | None) -> None:
    stream = _stream(*alpha_chunks(alpha))
    assert stream.chunk(ALPHA_CHUNK) == body
    assert stream_alpha(stream) == told_alpha(alpha) == pytest.approx(alpha, abs=1 / 255)


@pytest.mark.parametrize("body", [b"", b"\0\0"])
def test_alpha_of_another_length_is_refused(body: bytes) -> None:
    with pytest.raises(BitstreamError, match=r"alpha chunk: .* one says"):
        stream_alpha(_stream(Chunk(ALPHA_CHUNK, body)))


def test_records_of_the_first_version_are_read_for_ever() -> None:
    old = b"".join(bytes([scale, 5]) + b"zoo:" + name + bytes([scale] * 8) for scale, name in ((2, b"a"), (0, b"b")))
    assert named_networks(_stream(Chunk(PIPELINE_CHUNK, old))) == (
        Network("sr", 2, "zoo:a", bytes([2] * 8)),
        Network("colorization", 0, "zoo:b", bytes(8)),
    )


@pytest.mark.parametrize("cut", range(1, len(networks_chunk(NETWORKS[:1]).body)))
def test_records_cut_short_are_refused(cut: int) -> None:
    with pytest.raises(BitstreamError, match="networks chunk, byte 0: no record"):
        named_networks(_stream(Chunk(NETWORKS_CHUNK, networks_chunk(NETWORKS[:1]).body[:cut])))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (bytes([9, 0, 1]) + b"a" + bytes(8), "kind 9 is unknown"),
        (bytes([1, 2, 1, 27]) + bytes(8), "no record"),
        (networks_chunk(NETWORKS[1:2] * 33).body, "more than 32"),
    ],
)
def test_other_records_are_refused(body: bytes, told: str) -> None:
    with pytest.raises(BitstreamError, match=told):
        named_networks(_stream(Chunk(NETWORKS_CHUNK, body)))


@pytest.mark.parametrize("name", ["", "x" * 256, "ü", "a\n"])
def test_names_that_no_record_holds(name: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a bitstream"):
        networks_chunk([Network("sr", 2, name, bytes(8))])
