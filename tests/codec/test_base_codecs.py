"""One contract for every base codec that is registered, built-in or not."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from dlic_registry import entries
from lightning_dlic.codec import BaseCodec, Bitstream, BitstreamError, CodecError, Planes, base_codec, decode_base, vvc
from lightning_dlic.pipeline.settings import Settings, usable_codecs

MakePlanes = Callable[[int, int, bool], Planes]
NAMES = [entry.name for entry in entries("codec")]
SIZES = [(1, 1), (1, 17), (15, 2), (33, 47), (64, 64), (96, 128)]


# What compiles `intra`, once, takes most of a minute of a core.
@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slow] * (name == "intra")) for name in NAMES])
def named(request: pytest.FixtureRequest) -> tuple[str, BaseCodec]:
    codec = base_codec(request.param)
    if codec.missing():
        pytest.skip(f"{request.param} cannot encode here: {codec.missing()}")
    return request.param, codec


def psnr(a: Planes, b: Planes) -> float:
    errors = [(x.astype(float) - y) ** 2 for x, y in zip(a.each(), b.each(), strict=True)]
    return float(10 * np.log10(255**2 / max(1e-9, np.mean(np.concatenate([e.ravel() for e in errors])))))


def test_built_in_names() -> None:
    assert {"hevc", "avif", "webp", "jpeg", "jxl", "vvc", "intra"} <= set(NAMES)


def test_exact_codecs() -> None:
    exact = {name for name in NAMES if base_codec(name).exact}
    assert {"hevc", "avif", "webp", "vvc", "intra"} <= exact
    assert not exact & {"jpeg", "jxl"}


@pytest.mark.slow
@pytest.mark.parametrize("color", [False, True])
def test_any_size_comes_back_with_its_size(named: tuple[str, BaseCodec], make_planes: MakePlanes, color: bool) -> None:
    _, codec = named
    for height, width in SIZES:
        planes = make_planes(height, width, color)
        decoded = codec.decode(codec.encode(planes, codec.steps // 2, 3), height, width, color)
        assert [p.shape for p in decoded.each()] == [p.shape for p in planes.each()]
        assert all(p.dtype == np.uint8 for p in decoded.each())


@pytest.mark.slow
@pytest.mark.parametrize("color", [False, True])
def test_quality_buys_fidelity(named: tuple[str, BaseCodec], make_planes: MakePlanes, color: bool) -> None:
    _, codec = named
    planes = make_planes(96, 128, color)
    qualities = [round(share * (codec.steps - 1)) for share in (0.1, 0.5, 0.95)]
    payloads = [codec.encode(planes, quality, 3) for quality in qualities]
    decoded = [psnr(codec.decode(payload, 96, 128, color), planes) for payload in payloads]
    assert len(payloads[0]) < len(payloads[1]) < len(payloads[2])
    assert decoded[0] < decoded[1] < decoded[2]
    assert decoded[2] > 36


@pytest.mark.slow
def test_same_bytes_whatever_the_threads(named: tuple[str, BaseCodec], make_planes: MakePlanes) -> None:
    name, codec = named
    planes = make_planes(96, 128, True)
    quality = codec.steps // 2
    once = codec.encode(planes, quality, 3)
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda _: base_codec(name).encode(planes, quality, 3), range(4)))
    assert again == [once] * 4


@pytest.mark.slow
def test_exact_codecs_decode_alike_in_another_process(
    named: tuple[str, BaseCodec], make_planes: MakePlanes, tmp_path: object
) -> None:
    name, codec = named
    if not codec.exact:
        pytest.skip(f"{name} does not promise it")
    planes = make_planes(64, 64, True)
    payload = codec.encode(planes, codec.steps // 3, 3)
    here = codec.decode(payload, 64, 64, True).crc32()
    script = (
        "import sys; from lightning_dlic.codec import base_codec;"
        f"print(base_codec({name!r}).decode(bytes.fromhex(sys.stdin.read()), 64, 64, True).crc32())"
    )
    done = subprocess.run([sys.executable, "-c", script], input=payload.hex(), capture_output=True, text=True)
    assert done.stdout.strip() == str(here), done.stderr


def test_flat_pictures_cost_next_to_nothing(named: tuple[str, BaseCodec]) -> None:
    name, codec = named
    flat = Planes(np.full((96, 128), 128, np.uint8))
    limit = {"hevc": 16, "avif": 16, "vvc": 16, "intra": 16}.get(name, 320)
    assert len(codec.encode(flat, 0, 5)) <= limit


def test_garbage_is_refused_or_decoded_never_worse(named: tuple[str, BaseCodec], make_planes: MakePlanes) -> None:
    _, codec = named
    random = np.random.default_rng(3)
    whole = codec.encode(make_planes(64, 64, False), codec.steps // 2, 3)
    broken = [b"", b"\0", b"\xff" * 50, random.bytes(200), whole[:5], whole[: len(whole) // 2], whole[::-1]]
    refused = 0
    for payload in broken:
        try:
            assert codec.decode(payload, 64, 64, False).size == (64, 64)
        except BitstreamError:
            refused += 1
    assert refused >= 2


# A slice that ends itself early; one with nothing behind its first units, which once read whatever lay in memory there.
_PARTIAL = "23ff7bf0", 64, 512, False
_SHORT = "ebfc", 100, 64, True
_MALFORMED = """
import sys
import numpy as np
from lightning_dlic.codec import BitstreamError, base_codec
random = np.random.default_rng(5)
for line in sys.stdin:
    name, payload, height, width, color = line.split()
    whole, codec = bytes.fromhex(payload), base_codec(name)
    cut = [whole[: len(whole) * share // 8] for share in range(1, 9)]
    flipped = [bytes(random.integers(0, 256, 4 + n, np.uint8)) + whole[4 + n :] for n in range(6)]
    for data in [*cut, *flipped]:
        try:
            print(name, len(data), codec.decode(data, int(height), int(width), color == "True").crc32())
        except BitstreamError as error:
            print(name, len(data), error)
"""


@pytest.mark.slow
def test_malformed_payloads_decode_alike_in_any_process_or_are_refused(make_planes: MakePlanes) -> None:
    lines = [f"hevc {' '.join(map(str, case))}" for case in (_PARTIAL, _SHORT)]
    for name in NAMES:
        codec = base_codec(name)
        if codec.exact and not codec.missing():
            for color in (False, True):
                payload = codec.encode(make_planes(60, 84, color), codec.steps // 2, 1)
                lines.append(f"{name} {payload.hex()} 60 84 {color}")
    found = []
    for filled in ("85", "170"):
        command, env = [sys.executable, "-c", _MALFORMED], os.environ | {"MALLOC_PERTURB_": filled}
        done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, env=env, check=True)
        found.append(done.stdout.splitlines())
    assert found[0] == found[1]
    assert len(found[0]) == 14 * len(lines)


@pytest.mark.parametrize("name", ["hevc", "webp", "jpeg"])
def test_part_of_a_picture_is_refused(name: str, make_planes: MakePlanes) -> None:
    codec = base_codec(name)
    payload, *size = _PARTIAL
    if name == "hevc":
        data = bytes.fromhex(payload)
    else:
        size = [64, 96, True]
        data = codec.encode(make_planes(64, 96, True), codec.steps // 2, 1)
        assert codec.decode(data, *size).size == (64, 96)
        data = data[: len(data) // 2]
    with pytest.raises(BitstreamError, match="ends before its picture"):
        codec.decode(data, *size)


def test_a_damaged_payload_never_passes_for_the_picture(named: tuple[str, BaseCodec], make_planes: MakePlanes) -> None:
    name, codec = named
    if not codec.exact:
        pytest.skip(f"{name} carries no checksum")
    planes = make_planes(64, 64, False)
    payload = codec.encode(planes, codec.steps // 2, 3)
    crc = codec.decode(payload, 64, 64, False).crc32()
    good = Bitstream(64, 64, 1, name, False, payload, crc)
    assert decode_base(good).crc32() == crc
    for at in range(3, len(payload), max(1, len(payload) // 12)):
        bad = bytes([*payload[:at], payload[at] ^ 0x55, *payload[at + 1 :]])
        try:
            decoded = decode_base(Bitstream(64, 64, 1, name, False, bad, crc))
        except BitstreamError:
            continue
        # Padding at the end may be changed without changing the picture.
        assert decoded.crc32() == crc


def test_a_missing_encoder_names_its_remedy(monkeypatch: pytest.MonkeyPatch, make_planes: MakePlanes) -> None:
    remedies = ("jxl", "pillow_jxl", r"'lightning-dlic\[jxl\]'"), ("vvc", "imageio_ffmpeg", "imageio-ffmpeg")
    for name, module, remedy in remedies:
        monkeypatch.setitem(sys.modules, module, None)
        vvc.encoder.cache_clear()
        with pytest.raises(CodecError, match=f"pip install {remedy}"):
            base_codec(name).encode(make_planes(16, 16, False), 10)
    with pytest.warns(UserWarning, match="auto goes without base codec vvc, which needs FFmpeg with libvvenc"):
        assert list(usable_codecs(Settings())) == ["hevc", "avif"]
    vvc.encoder.cache_clear()


@pytest.mark.slow
def test_an_encoder_that_does_not_answer_is_said_and_asked_again(
    monkeypatch: pytest.MonkeyPatch, make_planes: MakePlanes, tmp_path: Path
) -> None:
    program = tmp_path / "ffmpeg"
    for does, told in (("exec sleep 60", "an answer of .*, which took more than"), ("kill -SEGV $$", "by signal 11")):
        program.write_text(f"#!/bin/sh\n{does}\n")
        program.chmod(0o755)
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
        monkeypatch.setattr(vvc, "_ANSWER", 0.5)
        vvc.encoder.cache_clear()
        with pytest.warns(UserWarning, match=f"auto goes without base codec vvc, which needs .*{told}"):
            assert list(usable_codecs(Settings())) == ["hevc", "avif"]
        with pytest.raises(CodecError, match=f"base codec vvc needs .*{told}"):
            base_codec("vvc").encode(make_planes(16, 16, False), 10)
    program.write_text("#!/bin/sh\necho Encoder libvvenc\n")
    assert vvc.encoder() == str(program)
    vvc.encoder.cache_clear()


@pytest.mark.skipif(base_codec("vvc").missing() is not None, reason="no VVC encoder here")
def test_avif_is_tried_beside_vvc_at_high_efforts_only() -> None:
    assert [list(usable_codecs(Settings(effort=effort))) for effort in (3, 5, 6)] == [
        ["hevc", "avif"],
        ["hevc", "vvc"],
        ["hevc", "avif", "vvc"],
    ]


def test_an_encoder_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch, make_planes: MakePlanes) -> None:
    monkeypatch.setattr("lightning_dlic.codec.vvc._SECONDS", 0.01)
    with pytest.raises(CodecError, match=r"vvenc took more than 0\.01 s for a picture of 256x192"):
        base_codec("vvc").encode(make_planes(192, 256, True), 40)


# What networks are told: HEVC's own step, and for VVC that of an HEVC that errs alike.
@pytest.mark.parametrize(("name", "quality", "step"), [("hevc", 11, 6.0), ("hevc", 29, 3.0), ("vvc", 22, 5.0)])
def test_what_networks_are_told_of_the_quantiser(name: str, quality: int, step: float, make_planes: MakePlanes) -> None:
    codec = base_codec(name)
    if codec.missing():
        pytest.skip(f"{name} cannot encode here")
    for finer in (0, 2):
        payload = codec.encode(make_planes(48, 64, True), quality + finer)
        assert codec.log_step(payload, 48, 64) == pytest.approx(step - finer / 6)
