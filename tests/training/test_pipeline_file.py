"""From a run to the codec: what each kind of stage leaves, and files that it makes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lightning_dlic.codec.networks import named_networks
from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.plan import find_pipeline
from lightning_dlic.recipe import RecipeError, load_recipe
from lightning_dlic.training.fit import fit

Write = Callable[..., Path]
FEW = ["trainer.max_steps=2", "trainer.val_every=2", "data.args.workers=0"]
_DECODE = (
    "import sys; from lightning_dlic.pipeline.decompress import decompress;"
    "from lightning_dlic.pipeline.plan import find_pipeline;"
    "sys.stdout.buffer.write(decompress(open(sys.argv[1], 'rb').read(), pipeline=find_pipeline(sys.argv[2]),"
    "strict=True).tobytes())"
)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[40:136, 100:228])


def _round_trip(photo: np.ndarray, run: Path, tmp_path: Path) -> bytes:
    """What the run's codec makes, decoded in another process as here."""
    made = compress(photo, bytes=900, effort=1, pipeline=find_pipeline(run, ["always=true", "scale=2"]))
    file = tmp_path / "a.dlic"
    file.write_bytes(made.data)
    done = subprocess.run([sys.executable, "-c", _DECODE, str(file), str(run)], capture_output=True)
    there = np.frombuffer(done.stdout, np.uint8).reshape(photo.shape)
    here = decompress(made.data, pipeline=find_pipeline(run), strict=True)
    assert np.abs(there.astype(int) - here).max() <= 3
    return made.data


@pytest.mark.slow
def test_a_stage_behind_the_base_codec(write_recipe: Write, photo: np.ndarray, tmp_path: Path) -> None:
    run = fit(load_recipe(write_recipe(args="width: 8, blocks: 1"), FEW)).run.folder
    assert find_pipeline(run).networks == {"sr": {2: str(run / "weights.safetensors")}}
    assert b"weights" in _round_trip(photo, run, tmp_path)


@pytest.mark.slow
def test_a_chain_with_a_frozen_stage(write_chain: Write, photo: np.ndarray, tmp_path: Path) -> None:
    run = fit(load_recipe(write_chain(), [*FEW, "trainer.ema=null"])).run.folder
    networks = find_pipeline(run).networks
    assert networks == {
        "sr": {2: str(run / "weights" / "sr.safetensors")},
        "colorization": {0: str(run / "weights" / "colorization.safetensors")},
    }
    made = compress(photo, bytes=900, effort=1, hints="none", pipeline=find_pipeline(run, ["always=true", "scale=2"]))
    named = named_networks(made.stream)
    assert named is not None
    assert [network.kind for network in named] == ["sr", "colorization"]
    decompress(made.data, pipeline=find_pipeline(run), strict=True)
    again = ["train=[colorization]", f"stages.sr.init={run / 'weights' / 'sr.safetensors'}"]
    second = fit(load_recipe(write_chain("second"), [*FEW, *again])).run.folder
    assert find_pipeline(second).networks["sr"] == networks["sr"]


@pytest.mark.slow
def test_a_downsizing_network_makes_the_base_layer(write_recipe: Write, photo: np.ndarray, tmp_path: Path) -> None:
    recipe = write_recipe(
        stage="learned_downsize", args="net: {name: compact, width: 8, blocks: 1}, width: 8, blocks: 1"
    )
    run = fit(load_recipe(recipe, FEW)).run.folder
    pipeline = find_pipeline(run)
    assert pipeline.downsize == {"name": "learned", "weights": str(run / "weights.safetensors")}
    _round_trip(photo, run, tmp_path)
    plain = find_pipeline(run, ["downsize.name=bicubic"])
    both = [compress(photo, quality=50, scale=2, codec="hevc", pipeline=p).stream.payload for p in (pipeline, plain)]
    assert both[0] != both[1]


@pytest.mark.slow
def test_a_predictor_goes_into_the_base_codecs_loop(pictures: Path, photo: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "prediction.yaml"
    path.write_text(f"""\
extends: [base/prediction.yaml]
stages: {{prediction: {{name: pnns_fc, args: {{m: 4, width: 16}}}}}}
data: {{name: folder, args: {{root: "{pictures}", crop: 32, batch_size: 2}}}}
trainer: {{accelerator: cpu, devices: 1}}
run: {{root: "{tmp_path / "runs"}"}}
""")
    run = fit(load_recipe(path, FEW)).run.folder
    pipeline = find_pipeline(run)
    assert (pipeline.base, pipeline.networks) == ("intra", {})
    assert pipeline.base_args == {"nets": [str(run / "prediction.safetensors")]}
    made = compress(photo, bytes=900, effort=1, scale=4, pipeline=pipeline)
    assert b"prediction" in made.data
    decompress(made.data, pipeline=find_pipeline(run), strict=True)


def test_a_run_that_left_none_says_why(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("train: sr\n")
    with pytest.raises(RecipeError, match="this run left no pipeline\nEither it has not come to its end"):
        find_pipeline(tmp_path)
