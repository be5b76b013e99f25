"""Sweeps: W&B's own code accepts them, draws from them and starts the runs."""

from __future__ import annotations

import json
import os
import sysconfig
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args, load_sweep_config
from wandb.wandb_agent import Agent

from lightning_dlic.recipe import check, load_recipe
from lightning_dlic.recipe.find import shipped_folder
from lightning_dlic.training.fit import fit

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sweeps
    from sweeps.config import schema_violations_from_proposed_config

SWEEPS = sorted((shipped_folder() or Path()).glob("sweeps/*.yaml"))
# What makes a run of any of them short, and independent of data and weights that a machine may lack.
_SHORT = {
    "data.name": "sample",
    "data.args": None,
    "data.args.crop": 32,
    "data.args.batch_size": 2,
    "data.args.workers": 0,
    "trainer.max_steps": 2,
    "trainer.limit_val": 1,
    "trainer.threads": 1,
    "trainer.accelerator": "cpu",
    "trainer.precision": "32-true",
}
_SMALL = {
    "srgan": {
        "stages.sr.init": None,
        "losses.content.name": "mse",
        "stages.sr.args.generator": {"blocks": 1, "width": 8},
        "stages.sr.args.discriminator": {"name": "srgan_discriminator", "width": 4, "dense": 8},
        "trainer.ema": None,
    },
    "compact": {"trainer.clip_norm": None},
    "chain": {
        "stages.colorization.init": None,
        "stages.colorization.args.net": {
            "name": "multihypothesis_compact",
            "branches": 2,
            "widths": [8, 8],
            "blocks": 1,
        },
        "train": ["sr", "colorization"],
        "data.args.transform": {"degrade": {"codec": "webp", "scale": 2}, "hinted": {}},
        "data.args.val_crop": 64,
        "trainer.ema": None,
    },
}


def _config(path: Path) -> dict[str, Any]:
    config = load_sweep_config(str(path))
    assert config is not None
    return config


def _drawn(config: dict[str, Any]) -> dict[str, Any]:
    """Parameters of a first run as W&B's engine draws them, through the JSON in which its server sends them."""
    run = sweeps.next_run(config, [])
    parameters: dict[str, Any] = json.loads(json.dumps(run.config, default=float))
    return {name: entry["value"] for name, entry in parameters.items()}


def _numbers(value: Any) -> list[str]:
    """Texts within a value that were meant as numbers."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in _numbers(item)]
    if isinstance(value, list):
        return [text for item in value for text in _numbers(item)]
    return [value] if isinstance(value, str) and isinstance(yaml.safe_load(value.replace("e", ".0e", 1)), float) else []


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_sweep_is_valid(path: Path) -> None:
    config = _config(path)
    assert list(schema_violations_from_proposed_config(config)) == []
    assert _numbers(config["parameters"]) == []
    assert config["command"][1] == "dlic-fit"


def test_the_schema_is_not_toothless() -> None:
    config = _config(SWEEPS[0])
    assert schema_violations_from_proposed_config({**config, "method": "guess"})
    assert _numbers({"lr": {"min": "1e-5"}}) == ["1e-5"]


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_whatever_is_drawn_makes_a_valid_recipe(path: Path) -> None:
    config = _config(path)
    for _ in range(4):
        drawn = [f"{name}={value}" for name, value in _drawn(config).items()]
        recipe = load_recipe(config["command"][2], drawn)
        check(recipe, weights=False)
        ends = [spec["schedule"].get("at", [1.0])[-1] * recipe.trainer.max_steps for spec in recipe.optim.values()]
        assert all(end <= recipe.trainer.max_steps for end in ends)


# Hyperband's is of the same recipe as compact's.
@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in SWEEPS if path.stem != "hyperband"], ids=lambda path: path.stem)
def test_a_run_of_it_trains_and_records_what_was_drawn(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = _config(path)
    parameters = {**_drawn(config), **_SHORT, **_SMALL[path.stem]}
    if path.stem == "compact":
        _by_an_agent(config, parameters, tmp_path, monkeypatch)
    else:
        # The words are W&B's; its agent, and the logger, are the same for all.
        words = create_sweep_command_args({"args": {name: {"value": value} for name, value in parameters.items()}})
        fit(load_recipe(config["command"][2], words["args_no_hyphens"]))
    folder = next((tmp_path / "runs").glob("*/*"))
    resolved = yaml.safe_load((folder / "recipe.yaml").read_text())
    for name, value in parameters.items():
        if not isinstance(value, dict) and name != "data.args":
            assert _at(resolved, name) == pytest.approx(value), name
    assert list(folder.glob("weights*/*.safetensors")) or (folder / "weights.safetensors").is_file()
    assert config["metric"]["name"] in (folder / "metrics.csv").read_text().splitlines()[0].split(",")


def _by_an_agent(
    config: dict[str, Any], parameters: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("WANDB_MODE", "offline")
    # The agent sets these in its own environment: give them back afterwards.
    for name in ("WANDB_DIR", "WANDB_SWEEP_ID", "WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH"):
        monkeypatch.setenv(name, str(tmp_path) if name == "WANDB_DIR" else "sweep0")
    agent = Agent(api=None, queue=None, sweep_id="sweep0")
    agent._sweep_command = config["command"]
    command = {"run_id": "run0", "args": {name: {"value": value} for name, value in parameters.items()}}
    agent._command_run({**command, "program": None})
    assert agent._run_processes["run0"].wait() == 0
    assert list(tmp_path.rglob("run-run0.wandb")), "no W&B run was written offline"


def _at(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values[part]
    return values
