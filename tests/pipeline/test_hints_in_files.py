"""Colour pictures whose colour travels as hints."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dlic_registry import DlicError
from lightning_dlic.codec import Bitstream, BitstreamError, Chunk, decode_base
from lightning_dlic.codec.container import HINTS_CHUNK
from lightning_dlic.codec.hints.aim import Aim
from lightning_dlic.codec.hints.chunk import find_hints, prefix
from lightning_dlic.codec.hints.encoder import search
from lightning_dlic.codec.networks import named_networks, networks_chunk
from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.measures import psnr
from lightning_dlic.pipeline.plan import PipelineError, find_pipeline
from lightning_dlic.pipeline.search import BudgetError
from lightning_dlic.pipeline.source import Source


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[:192, 100:356])


@pytest.fixture(scope="module")
def made(photo: np.ndarray) -> bytes:
    return compress(photo, bytes=900, hints="segmentation,120", effort=2, pipeline="bicubic").data


def hints_of(data: bytes) -> bytes:
    body = Bitstream.from_bytes(data).chunk(HINTS_CHUNK)
    assert body is not None
    return body


def test_hints_color_a_grey_base_layer(photo: np.ndarray, made: bytes) -> None:
    stream = Bitstream.from_bytes(made)
    assert len(made) <= 900
    assert not stream.color
    assert 100 < len(hints_of(made)) <= 120
    grey = decompress(replace(stream, chunks=()).to_bytes())
    assert psnr(decompress(made), photo) > psnr(np.stack([grey] * 3, -1), photo) + 3


@pytest.mark.parametrize("preset", [("grid-small", 137, 1), ("segmentation-large", 601, 2)])
def test_presets(photo: np.ndarray, preset: tuple[str, int, int]) -> None:
    name, most, number = preset
    data = compress(photo, bytes=1500, hints=name, effort=1, pipeline="bicubic").data
    assert len(data) <= 1500
    assert 0.85 * most < len(hints_of(data)) <= most
    assert hints_of(data)[0] == number


def test_auto_is_as_good_as_the_better_way_by_its_own_measure(photo: np.ndarray) -> None:
    ways = [compress(photo, bytes=700, hints=h, effort=2, metric="psnr", pipeline="bicubic") for h in ("auto", "base")]
    assert len(ways[0].data) <= 700
    assert ways[0].score >= ways[1].score
    assert psnr(decompress(ways[0].data), photo) == pytest.approx(ways[0].score, abs=1e-6)


def test_budget_of_a_pipelines_recipe(photo: np.ndarray, tmp_path: Path) -> None:
    recipe = tmp_path / "own.yaml"
    recipe.write_text("base: {name: hevc}\nscale: 1\nhints: {name: grid, args: {budget: 60}}\n")
    data = compress(photo, bytes=800, effort=1, pipeline=str(recipe)).data
    assert len(hints_of(data)) <= 60
    assert hints_of(data)[0] == 1


@pytest.mark.slow
def test_a_benchmarks_row_has_files_with_and_without_hints(photo: np.ndarray) -> None:
    from lightning_dlic.bench.rows import OurRow

    plain, hinted = (list(OurRow("hevc", name, 1).open(photo).samples(700)) for name in ("bicubic", "hints"))
    assert len(hinted) > len(plain)
    assert all(sample.size <= 700 and sample.picture.shape == photo.shape for sample in hinted)


def test_grey_pictures_have_no_hints(photo: np.ndarray) -> None:
    gray = np.ascontiguousarray(photo[..., 0])
    plain, hinted = (compress(gray, bytes=500, hints=h, effort=1, pipeline="bicubic").data for h in ("base", "auto"))
    assert plain == hinted


@pytest.mark.slow
def test_other_processes_and_threads_see_the_same(made: bytes, tmp_path: Path) -> None:
    file = tmp_path / "a.dlic"
    file.write_bytes(made)
    script = (
        "import sys, hashlib, json; from lightning_dlic.pipeline.decompress import decompress;"
        "from lightning_dlic.codec import Bitstream, decode_base; from lightning_dlic.codec.hints.chunk import *;"
        "d = open(sys.argv[1], 'rb').read(); s = Bitstream.from_bytes(d);"
        "l = decode_hints(s.chunk(2), decode_base(s).y).labels;"
        "h = [hashlib.sha256(x.tobytes()).hexdigest() for x in (l, decompress(d))];"
        "print(json.dumps([h, 'torch' in sys.modules]))"
    )
    seen = set()
    for threads in ("1", "4"):
        env = {**os.environ, "OMP_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads}
        done = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True, env=env)
        (labels, pixels), torch = json.loads(done.stdout)
        assert not torch
        seen.add((labels, pixels))
    assert seen == {(labels, hashlib.sha256(decompress(made).tobytes()).hexdigest())}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hints": "gird", "bytes": 800}, "Did you mean 'grid'"),
        ({"hints": "grid,many", "bytes": 800}, "number of bytes"),
        ({"hints": "oracle", "bytes": 800}, "no codec"),
        ({"hints": "grid", "quality": 20}, "need a number of bytes"),
        ({"hints": "grid", "bytes": 2000, "codec": "jpeg"}, "which jpeg does not"),
    ],
)
def test_mistakes_are_named(photo: np.ndarray, arguments: dict, message: str) -> None:
    with pytest.raises(DlicError, match=message):
        compress(photo, pipeline="bicubic", **arguments)


def test_no_hints_and_no_network_leave_chroma_to_the_base_codec(photo: np.ndarray) -> None:
    ways = [compress(photo, bytes=700, hints=hints, effort=1, pipeline="bicubic").data for hints in ("none", "base")]
    assert ways[0] == ways[1]
    assert Bitstream.from_bytes(ways[0]).color


def test_auto_leaves_an_inexact_base_codec_its_chroma(photo: np.ndarray) -> None:
    made = compress(photo, bytes=2500, hints="auto", codec="jpeg", effort=1, pipeline="bicubic")
    assert made.stream.color
    assert decompress(made.data).shape == photo.shape


def test_too_few_bytes(photo: np.ndarray) -> None:
    with pytest.raises(BudgetError, match="too few"):
        compress(photo, bytes=30, hints="grid", effort=1, pipeline="bicubic")


def test_hints_for_a_base_layer_that_cannot_have_them(photo: np.ndarray, made: bytes) -> None:
    color = compress(photo, bytes=900, effort=1, pipeline="bicubic").stream
    jpeg = compress(np.ascontiguousarray(photo[..., 0]), quality=20, codec="jpeg", pipeline="bicubic").stream
    for stream in (color, jpeg):
        data = replace(stream, chunks=(Chunk(HINTS_CHUNK, hints_of(made)),)).to_bytes()
        with pytest.raises(BitstreamError, match="hints: they colour a grey base layer with a checksum"):
            decompress(data)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline with an untrained network for colour, which is a guided filter by construction."""
    torch = pytest.importorskip("torch")
    from lightning_dlic.nets.colorization.multihypothesis import MultiHypothesisCompact
    from lightning_dlic.zoo import save_net

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("color")
    arguments = {"branches": 3, "widths": [8, 8], "blocks": 1}
    net = MultiHypothesisCompact(**arguments)
    save_net(
        folder / "tiny.safetensors",
        net,
        {"kind": "colorization", "net": {"name": "multihypothesis_compact", "args": arguments}},
    )
    recipe = folder / "own.yaml"
    recipe.write_text("base: {name: hevc}\nscale: 2\nstages: {colorization: {weights: tiny.safetensors}}\n")
    return recipe


def test_a_network_colors_what_hints_and_luma_tell(photo: np.ndarray, network: Path) -> None:
    made = compress(photo, bytes=800, hints="none", effort=1, pipeline=str(network))
    assert hints_of(made.data) == b"\x03"
    assert len(made.data) <= 800
    decoded = decompress(made.data, pipeline=find_pipeline(network), strict=True)
    with pytest.warns(UserWarning, match="tiny") as caught:
        grey = decompress(made.data)
    assert not np.array_equal(decoded, grey)
    assert any("tiny" in str(warning.message) for warning in caught)
    assert (grey[..., 0] == grey[..., 2]).all()


def test_a_network_guesses_at_whatever_scale_does_best(photo: np.ndarray, network: Path) -> None:
    # Of the first scale it was loaded to see whether there is one; here another does better.
    anywhere = find_pipeline(network, ["scale=auto"])
    made = compress(photo, bytes=150, hints="none", effort=1, pipeline=anywhere)
    assert made.stream.scale > 1
    assert [network.kind for network in named_networks(made.stream) or ()] == ["colorization"]


def test_without_the_network_a_filter_and_a_warning(photo: np.ndarray, made: bytes, network: Path) -> None:
    stream, pipeline, hints = Bitstream.from_bytes(made), find_pipeline(network), find_hints("segmentation")
    chroma = np.stack(Source(photo).planes[1:]).astype(np.float32) - 128
    found = search(hints, Aim.of(decode_base(stream).y, chroma, stream.scale), 120, 1, net=True)
    assert found is not None
    named = [place.named() for place in pipeline.places(stream.scale, hints=True)]
    chunks = (networks_chunk(named), Chunk(HINTS_CHUNK, prefix(hints) + found.body))
    data = replace(stream, chunks=chunks).to_bytes()
    with pytest.warns(UserWarning, match="tiny") as caught:
        filtered = decompress(data)
    assert any("tiny" in str(warning.message) for warning in caught)
    # The colours are there all the same.
    assert psnr(filtered, photo) > psnr(decompress(made), photo) - 0.3
    with pytest.raises(PipelineError, match="tiny"):
        decompress(data, strict=True)
    assert not np.array_equal(decompress(data, pipeline=pipeline, strict=True), filtered)


@pytest.mark.parametrize("effort", [2, 5])
def test_the_search_scores_the_network_as_the_decoder_runs_it(photo: np.ndarray, network: Path, effort: int) -> None:
    made = compress(photo, bytes=800, hints="grid,90", effort=effort, metric="psnr", pipeline=str(network))
    decoded = decompress(made.data, pipeline=find_pipeline(network), strict=True)
    assert psnr(decoded, photo) == pytest.approx(made.score, abs=0.05)
