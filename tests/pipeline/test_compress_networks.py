"""Super-resolution behind the base layer: an untrained network drops in by a pipeline's recipe."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lightning_dlic.codec import Bitstream, BitstreamError, decode_base
from lightning_dlic.codec.networks import named_networks, networks_chunk
from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.measures import psnr
from lightning_dlic.pipeline.plan import Pipeline, PipelineError, find_pipeline, numbers, shipped
from lightning_dlic.recipe import RecipeError

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def gray() -> np.ndarray:
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[40:167, 100:331, 1])


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that sharpens a little, so that the search has a reason to take it."""
    from lightning_dlic.nets.compact import CompactNet
    from lightning_dlic.zoo import save_net

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny_x2.safetensors"
    net = CompactNet(scale=2, channels=1, width=8, blocks=1)
    save_net(
        path,
        net,
        {"net": {"name": "compact", "args": {"width": 8, "blocks": 1}}, "kind": "sr", "scale": 2, "channels": 1},
    )
    return path


@pytest.fixture(scope="module")
def recipe(weights: Path) -> Path:
    path = weights.parent / "own.yaml"
    path.write_text(f"base: {{name: hevc}}\nscale: 2\nstages: {{sr: {{weights: {weights.name}}}}}\n")
    return path


@pytest.fixture(scope="module")
def made(gray: np.ndarray, recipe: Path) -> bytes:
    """A stream that names the network, whether or not it does better than bicubic."""

    plain = compress(gray, bytes=1200, pipeline=str(recipe)).stream
    named = [place.named() for place in find_pipeline(recipe).places(2)]
    return replace(plain, chunks=(networks_chunk(named),)).to_bytes()


def test_the_network_runs_and_keeps_the_size(gray: np.ndarray, made: bytes, recipe: Path) -> None:
    plain = replace_chunks(made)
    enlarged, bicubic = decompress(made, pipeline=find_pipeline(recipe), strict=True), decompress(plain)
    assert enlarged.shape == bicubic.shape == gray.shape
    assert not np.array_equal(enlarged, bicubic)


def replace_chunks(data: bytes) -> bytes:

    return replace(Bitstream.from_bytes(data), chunks=()).to_bytes()


def test_without_the_network_bicubic_and_a_warning(made: bytes) -> None:
    with pytest.warns(UserWarning, match="tiny_x2"):
        picture = decompress(made)
    np.testing.assert_array_equal(picture, decompress(replace_chunks(made)))


def test_strict_refuses_instead(made: bytes) -> None:
    with pytest.raises(PipelineError, match="tiny_x2"):
        decompress(made, strict=True)


def test_other_weights_than_the_encoders_are_noticed(made: bytes, weights: Path, tmp_path: Path) -> None:
    from lightning_dlic.nets.compact import CompactNet
    from lightning_dlic.zoo import save_net

    torch.manual_seed(1)
    other = tmp_path / "tiny_x2.safetensors"
    net = CompactNet(scale=2, channels=1, width=8, blocks=1)
    save_net(
        other,
        net,
        {"net": {"name": "compact", "args": {"width": 8, "blocks": 1}}, "kind": "sr", "scale": 2, "channels": 1},
    )
    with pytest.raises(PipelineError, match="SHA-256"):
        decompress(made, pipeline=Pipeline("own", networks={"sr": {2: str(other)}}), strict=True)


def test_damage_is_found_before_any_network_runs(made: bytes, recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the network ran on a damaged base layer")

    monkeypatch.setattr("lightning_dlic.operators.enlarger.NetEnlarger.advance", fail)
    damaged = made[:-1] + bytes([made[-1] ^ 1])
    with pytest.raises(BitstreamError, match="checksum"):
        decompress(damaged, pipeline=find_pipeline(recipe))


def test_the_search_takes_the_better_of_network_and_bicubic(gray: np.ndarray, recipe: Path) -> None:
    found = compress(gray, bytes=1200, metric="psnr", pipeline=str(recipe))
    assert len(found.data) <= 1200
    decoded = decompress(found.data, pipeline=find_pipeline(recipe), strict=True)
    assert psnr(decoded, gray) == pytest.approx(found.score, abs=0.05)


def test_always_keeps_the_network_where_bicubic_scores_better(gray: np.ndarray, recipe: Path) -> None:
    always = recipe.with_name("always.yaml")
    always.write_text(recipe.read_text() + "always: true\n")
    named = []
    for own in (recipe, always):
        found = compress(gray, bytes=1200, metric="psnr", pipeline=str(own))
        named.append(bool(found.stream.chunks))
        decoded = decompress(found.data, pipeline=find_pipeline(own), strict=True)
        assert psnr(decoded, gray) == pytest.approx(found.score, abs=0.05)
    assert named == [False, True]  # the network is untrained


def test_always_is_true_or_false(recipe: Path) -> None:
    wrong = recipe.with_name("wrong.yaml")
    wrong.write_text("always: perhaps\n")
    with pytest.raises(RecipeError, match=r"wrong\.yaml:1: always: 'perhaps' is not"):
        find_pipeline(wrong)


@pytest.mark.slow
def test_decoding_through_a_network_imports_no_lightning(made: bytes, recipe: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.dlic"
    file.write_bytes(made)
    script = (
        "import sys; from lightning_dlic.pipeline.decompress import decompress;"
        "from lightning_dlic.pipeline.plan import find_pipeline;"
        f"decompress(open({str(file)!r}, 'rb').read(), pipeline=find_pipeline({str(recipe)!r}), strict=True);"
        "print('torch' in sys.modules, 'pytorch_lightning' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False"], done.stderr


@pytest.mark.slow
def test_at_most_one_level_between_threads_and_processes(made: bytes, recipe: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.dlic"
    file.write_bytes(made)
    here = decompress(made, pipeline=find_pipeline(recipe), strict=True).astype(int)
    script = (
        "import sys, numpy, torch; torch.set_num_threads(int(sys.argv[1]));"
        "from lightning_dlic.pipeline.decompress import decompress;"
        "from lightning_dlic.pipeline.plan import find_pipeline;"
        f"p = decompress(open({str(file)!r}, 'rb').read(), pipeline=find_pipeline({str(recipe)!r}), strict=True);"
        "sys.stdout.buffer.write(p.tobytes())"
    )
    for threads in ("1", "3"):
        done = subprocess.run([sys.executable, "-c", script, threads], capture_output=True)
        there = np.frombuffer(done.stdout, np.uint8).reshape(here.shape)
        assert np.abs(there - here).max() <= 1


def test_at_most_one_level_between_batches_tiles_and_onnx_runtime(
    made: bytes, recipe: Path, weights: Path, tmp_path: Path
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from lightning_dlic.zoo import load_net

    here = decompress(made, pipeline=find_pipeline(recipe), strict=True).astype(int)
    planes = decode_base(Bitstream.from_bytes(made))
    batch = torch.from_numpy(planes.y)[None, None].float().div(255).repeat(5, 1, 1, 1)
    net = load_net(weights)[0].eval()
    file = tmp_path / "net.onnx"
    torch.onnx.export(net, (batch[:1],), file, input_names=["x"], dynamo=False)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    outputs = [net(batch).detach().numpy()[3, 0], session.run(None, {"x": batch[:1].numpy()})[0][0, 0]]
    for output in outputs:
        rounded = np.clip(np.round(output * 255), 0, 255)[: here.shape[0], : here.shape[1]]
        assert np.abs(rounded - here).max() <= 1


def test_a_record_of_a_network_that_is_no_record(made: bytes) -> None:

    from lightning_dlic.codec import Chunk

    for body in (b"\x02", b"\x02\xff" + b"x" * 20, b"\x02\x02\xff\xfe" + bytes(8)):
        bad = replace(Bitstream.from_bytes(made), chunks=(Chunk(1, body),)).to_bytes()
        with pytest.raises(BitstreamError, match="pipeline chunk"):
            decompress(bad)


def test_paths_in_a_bitstream_are_never_opened(made: bytes, weights: Path) -> None:

    from lightning_dlic.codec import Chunk

    name = str(weights).encode()
    body = bytes([2, len(name)]) + name + hashlib.sha256(weights.read_bytes()).digest()[:8]
    data = replace(Bitstream.from_bytes(made), chunks=(Chunk(1, body),)).to_bytes()
    with pytest.warns(UserWarning, match="pass its pipeline"):
        np.testing.assert_array_equal(decompress(data), decompress(replace_chunks(made)))


def test_a_pipeline_of_a_later_version(made: bytes) -> None:

    later = replace(Bitstream.from_bytes(made), chunks=(), pipeline=250).to_bytes()
    with pytest.warns(UserWarning, match="pipeline 250"):
        decompress(later)
    with pytest.raises(PipelineError, match="pipeline 250"):
        decompress(later, strict=True)


def test_shipped_pipelines() -> None:
    assert {"photo", "faithful", "look", "face", "tiny", "bicubic", "past/photo_1"} <= set(shipped())
    assert {1: "past/photo_1", 4: "photo"}.items() <= numbers().items()
    assert sorted(find_pipeline("photo").networks["reconstruction"]) == [2, 3, 4]
    assert not find_pipeline("faithful").networks


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bse: {name: hevc}", r"p\.yaml:1: bse: unknown key\nDid you mean 'base'"),
        ("base: hevc", r"p\.yaml:1: base: 'hevc' is not a mapping\nWrite base: \{name: hevc\}"),
        ("base: {name: hevv}", r"p\.yaml:1: base\.name: unknown codec 'hevv'\. Did you mean 'hevc'"),
        ("base: {name: intra, args: {nest: []}}", r"p\.yaml:1: base\.args\.nest: .*\nDid you mean 'nets'"),
        ("hints: {name: gird}", r"p\.yaml:1: hints\.name: unknown hints 'gird'\. Did you mean 'grid'"),
        ("hints: {name: grid, args: {bugdet: 5}}", r"hints\.args\.bugdet: unknown key\nDid you mean 'budget'"),
        ("hints: {name: grid, args: {budget: much}}", r"hints\.args\.budget: 'much' is neither auto nor a number"),
        ("scale: 40", r"p\.yaml:1: scale: 40 is neither auto nor a whole number from 1 to 16"),
        ("alpha: 2", r"p\.yaml:1: alpha: 2 is neither auto nor a number from 0, faithful, to 1, vivid"),
        ("alpha: atuo", r"p\.yaml:1: alpha: 'atuo' .*\nDid you mean 'auto'"),
        ("scale: atuo", r"p\.yaml:1: scale: 'atuo' .*\nDid you mean 'auto'"),
        ("number: 300", r"p\.yaml:1: number: 300 is too large"),
        ("number: 77", r"p\.yaml:1: number: only pipelines that ship have one"),
        ("stages: {sr: {x2: {weight: a}}}", r"p\.yaml:1: stages\.sr\.x2\.weight: unknown key\nDid you mean 'weights'"),
        ("stages: {sr: {x2: {}}}", r"p\.yaml:1: stages\.sr\.x2: names no weights"),
        (
            "stages: {sr: {x2: {weights: zoo:codec_y_x9}}}",
            r"stages\.sr\.x2\.weights: unknown zoo network .* Did you mean 'codec_y_x[24]'",
        ),
        ("stages: {sr: {x4: {weights: zoo:codec_y_x2}}}", r"stages\.sr\.x4\.weights: a network for x2, not for x4"),
        ("stages: {sr: {weights: zoo:pnns_4}}", r"stages\.sr\.weights: a network of kind 'prediction', not 'sr'"),
        ("stages: {sr: {name: srgna, weights: zoo:codec_y_x2}}", r"stages\.sr\.name: unknown sr 'srgna'.*'srgan'"),
        ("stages: {nonsense: {weights: a}}", r"p\.yaml:1: stages\.nonsense: no such kind of stage"),
        ("stages: {prediction: {weights: zoo:pnns_4}}", r"p\.yaml:1: stages: .*'prediction' have no place"),
        ("train: sr", r"p\.yaml:1: train: a pipeline trains nothing"),
        ("- a", r"a recipe is a mapping, not a list"),
        ("a: [", r"p\.yaml:1:5: not YAML"),
    ],
)
def test_mistakes_in_a_pipeline_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=message) as raised:
        find_pipeline(path)
    assert len(str(raised.value).splitlines()) <= 4


def test_pipelines_extend_and_are_overridden(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("extends: [photo]\nscale: ${oc.decode:${oc.env:NO_SUCH_SCALE,2}}\n")
    own = find_pipeline(tmp_path / "own.yaml", ["hints.name=grid", "hints.args.budget=152"])
    assert (own.scale, own.hints, own.number) == (2, "grid,152", None)
    ours, theirs = ([place.named() for place in pipeline.places(2)] for pipeline in (own, find_pipeline("photo")))
    assert ours == theirs


@pytest.mark.slow
def test_a_number_is_written_only_where_it_says_all(gray: np.ndarray) -> None:
    """Whoever overrides what decoding depends on gets networks by name; whoever overrides anything else the number."""
    assert find_pipeline("photo", ["scale=2", "hints.name=auto", "alpha=0.5"]).number == 4
    other = find_pipeline("past/photo_1", ["stages.sr.x2.weights=zoo:compact_y_x2"])
    assert other.number is None
    # Not so good as the pipeline's own, so it must be told to be used.
    made = compress(
        gray,
        bytes=900,
        pipeline=find_pipeline("past/photo_1", ["stages.sr.x2.weights=zoo:compact_y_x2", "scale=2", "always=true"]),
    )
    assert made.stream.pipeline is None
    assert b"zoo:compact_y_x2" in made.data
    script = (
        "import sys; from lightning_dlic.pipeline.decompress import decompress;"
        "sys.stdout.buffer.write(decompress(sys.stdin.buffer.read(), strict=True).tobytes())"
    )
    done = subprocess.run([sys.executable, "-c", script], input=made.data, capture_output=True)
    there = np.frombuffer(done.stdout, np.uint8).reshape(gray.shape)
    assert np.abs(there.astype(int) - decompress(made.data, strict=True)).max() <= 1
    assert psnr(there, gray) > 20


@pytest.mark.slow
def test_networks_in_the_base_codecs_loop_are_named_too(gray: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("base: {name: intra, args: {nets: [zoo:pnns_4]}}\nscale: 4\n")
    made = compress(gray, bytes=700, effort=1, pipeline=str(path))
    named = named_networks(made.stream)
    assert named is not None
    assert [(network.kind, network.name) for network in named] == [("prediction", "zoo:pnns_4")]
    # Whoever has the zoo needs no pipeline; another network under the name is no substitute.
    np.testing.assert_array_equal(decompress(made.data), decompress(made.data, pipeline=find_pipeline(path)))
    other = networks_chunk([replace(named[0], digest=bytes(8))])
    with pytest.raises(PipelineError, match="SHA-256 begins otherwise"):
        decompress(replace(made.stream, chunks=(other,)).to_bytes())
