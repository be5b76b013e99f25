"""The example plug-in's whole life: built, installed, listed, trained, removed, missed."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from forking import FIT, run_forked
from plugin_maker import run_dlic

EXAMPLE = Path(__file__).parents[2] / "examples" / "dlic-espcn"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder into which pip has built and installed the example, without a network."""
    target = tmp_path / "site"
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(target)]
    pip = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, str(EXAMPLE)], capture_output=True, text=True, check=False
    )
    assert pip.returncode == 0, pip.stderr
    return target


def error_of(*arguments: str) -> list[str]:
    """The lines of the error with which ``dlic-fit`` ends where the example is not installed."""
    result = run_forked(FIT, *arguments)
    assert result.returncode == 2, result.stderr
    lines = result.stderr.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("error: "))
    return lines[start:]


@pytest.mark.slow
def test_life_of_a_plugin(installed: Path, write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    rows = json.loads(run_dlic("list", "sr", "--json", folders=(installed,)).stdout)
    espcn = next(row for row in rows if row["name"] == "espcn")
    assert (espcn["distribution"], espcn["version"]) == ("dlic-espcn", "0.1.0")
    assert espcn["summary"].startswith("ESPCN")

    few = ["trainer.max_steps=4", "trainer.val_every=4", "trainer.limit_val=1", "data.args.workers=0"]
    here = [f"run.root={tmp_path / 'runs'}", "run.name=it"]
    trained = run_forked(FIT, EXAMPLE / "espcn.yaml", *few, *here, folders=(installed,))
    assert trained.returncode == 0, trained.stderr
    run = tmp_path / "runs" / "espcn" / "it"
    assert (run / "weights.safetensors").exists()

    shutil.rmtree(installed)
    checkpoint = run / "checkpoints" / "last.ckpt"
    missing = f"{checkpoint}: needs sr 'espcn' of dlic-espcn 0.1.0, which is not registered here."
    resumed = error_of("--resume", str(run))
    assert resumed[0] == f"error: {missing.replace('last.ckpt', 'step-00000004.ckpt')}"
    assert resumed[1].startswith("Install it: pip install dlic-espcn==0.1.0")
    assert len(resumed) == 2

    begun = error_of(str(write_recipe("other")), f"stages.sr.init={checkpoint}")
    assert begun[0].endswith(missing)
