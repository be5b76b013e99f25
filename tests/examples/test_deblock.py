"""The example of a kind of one's own, from its installed wheel: a package that nothing of ours knows of."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from forking import FIT, run_forked
from PIL import Image
from plugin_maker import DLIC, run_dlic
from skimage import data

EXAMPLE = Path(__file__).parents[2] / "examples" / "dlic-deblock"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has built and installed the example, without a network."""
    target = tmp_path_factory.mktemp("site") / "site"
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(target)]
    pip = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, str(EXAMPLE)], capture_output=True, text=True, check=False
    )
    assert pip.returncode == 0, pip.stderr
    return target


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs of 192x192 pixels."""
    folder = tmp_path_factory.mktemp("photographs")
    for name in ("astronaut", "coffee"):
        Image.fromarray(getattr(data, name)()[60:252, 120:312]).save(folder / f"{name}.png")
    return folder


@pytest.mark.slow
def test_it_is_listed_measured_and_better_than_as_decoded(installed: Path, photographs: Path, tmp_path: Path) -> None:
    rows = json.loads(run_dlic("list", "restoration", "--json", folders=(installed,)).stdout)
    assert [(row["name"], row["distribution"]) for row in rows] == [("deblock", "dlic-deblock")]
    report = tmp_path / "report.json"
    words = ("deblock:deblock_hevc", "decoded", "--data", str(photographs), "--scale", "1", "--decoded", ".15")
    done = run_forked(DLIC, "eval", *words, "--no-lpips", "--json", str(report), folders=(installed,))
    assert done.returncode == 0, done.stderr
    trained, decoded = (row["figures"]["psnr_y"] for row in json.loads(report.read_text())["results"])
    assert trained > decoded + 0.02


@pytest.mark.slow
def test_it_trains_by_its_recipe(installed: Path, pictures: Path, tmp_path: Path) -> None:
    few = ["trainer.max_steps=4", "trainer.val_every=4", "trainer.limit_val=1", "data.args.workers=0"]
    data = [f"data.args.root={pictures}", "data.args.valid=null", "data.args.crop=32", "data.args.val_crop=64"]
    here = [f"run.root={tmp_path / 'runs'}", "run.name=it"]
    trained = run_forked(FIT, EXAMPLE / "deblock.yaml", *few, *data, *here, folders=(installed,))
    assert trained.returncode == 0, trained.stderr
    run = tmp_path / "runs" / "deblock" / "it"
    assert json.loads((run / "result.json").read_text())["baseline"] == "as decoded"
    assert "restoration" in (run / "pipeline.yaml").read_text()


@pytest.mark.slow
def test_its_network_is_exported_for_other_programs(installed: Path, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    out = tmp_path / "deblock.onnx"
    done = run_forked(DLIC, "export", "deblock:deblock_hevc", "--out", str(out), folders=(installed,))
    assert done.returncode == 0, done.stderr
    assert "largest difference from PyTorch" in done.stdout
    session = runtime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    for shape in ((1, 1, 16, 16), (2, 1, 37, 50)):
        flat = np.full(shape, 0.5, np.float32)
        (made,) = session.run(None, {"input": flat})
        assert made.shape == shape
        # What is flat has no blocks to be repaired.
        assert np.abs(made - flat)[..., 12:-12, 12:-12].max(initial=0) < 0.02


@pytest.mark.slow
def test_its_network_is_named_in_files_which_decode_without_it_in_part(
    installed: Path, photographs: Path, tmp_path: Path
) -> None:
    picture, coded, whole, part = (
        photographs / "coffee.png",
        tmp_path / "a.dlic",
        tmp_path / "a.png",
        tmp_path / "b.png",
    )
    words = ("--bytes", "900", "--scale", "1", "--effort", "1", "--pipeline", str(EXAMPLE / "pipeline.yaml"))
    done = run_forked(DLIC, "compress", str(picture), str(coded), *words, folders=(installed,))
    assert done.returncode == 0, done.stderr
    done = run_forked(DLIC, "decompress", str(coded), str(whole), "--strict", folders=(installed,))
    assert (done.returncode, "warning" in done.stderr) == (0, False), done.stderr
    done = run_forked(DLIC, "decompress", str(coded), str(part))
    assert done.returncode == 0, done.stderr
    assert "warning" in done.stderr
    assert "deblock" in done.stderr
    made, plain = (np.asarray(Image.open(path).convert("RGB")) for path in (whole, part))
    assert made.shape == plain.shape
    assert (made != plain).any()
    done = run_forked(DLIC, "decompress", str(coded), str(tmp_path / "c.png"), "--strict")
    assert done.returncode == 2
    assert not (tmp_path / "c.png").exists()


def test_nothing_of_ours_names_it() -> None:
    assert shutil.which("git"), "the sources are searched by git"
    root = EXAMPLE.parents[1]
    found = subprocess.run(
        ["git", "grep", "-lE", "dlic.deblock", "--", "lightning_dlic", "registry", "datamodules", "pyproject.toml"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""
