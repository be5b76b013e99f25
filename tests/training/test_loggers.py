"""What TensorBoard and W&B get to see."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.fit import fit


def test_tensorboard_has_losses_figures_and_pictures(write_recipe: Callable[..., Path]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = fit(load_recipe(write_recipe(body="logger: {name: tensorboard}")))
    events = EventAccumulator(str(result.run.folder / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert {"train/net_pixel", "lr/net", "val/psnr_y"} <= set(tags["scalars"])
    assert "sample/0" in tags["images"]
    assert [event.step for event in events.Images("sample/0")] == [3, 6]


def test_csv_logger_writes_beside_the_runs_own_metrics(write_recipe: Callable[..., Path]) -> None:
    result = fit(load_recipe(write_recipe(body="logger: {name: csv}")))
    assert (result.run.folder / "csv" / "metrics.csv").is_file()


@pytest.mark.slow
def test_wandb_without_an_account_writes_offline_and_never_asks(
    write_recipe: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = write_recipe(body="logger: {name: wandb, project: mine}")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for variable in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    command = [str(Path(sys.executable).with_name("dlic-fit")), str(recipe), "run.name=w"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "api key" not in (done.stdout + done.stderr).lower()
    folder = tmp_path / "runs" / "tiny" / "w"
    assert (folder / "result.json").is_file()
    offline = list((folder / "wandb").glob("offline-run-*"))
    assert len(offline) == 1
    records = next(offline[0].glob("*.wandb")).read_bytes()
    for part in (b"max_steps", b"val/psnr_y", b"mine"):
        assert part in records
    assert list((offline[0] / "files" / "media" / "images" / "sample").glob("0_*.png"))
