"""What TensorBoard and W&B get to see."""

from __future__ import annotations

import json
import os
import signal
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import yaml

from dlic_datamodules.files import sha256
from dlic_registry import local, register
from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.fit import fit

Write = Callable[..., Path]


def test_tensorboard_has_losses_figures_and_pictures(write_recipe: Callable[..., Path]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = fit(load_recipe(write_recipe(body="logger: {name: tensorboard}")))
    events = EventAccumulator(str(result.run.folder / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert {"train/net_pixel", "lr/net", "val/psnr_y"} <= set(tags["scalars"])
    assert "sample/0" in tags["images"]
    assert [event.step for event in events.Images("sample/0")] == [3, 6]
    assert [event.step for event in events.Scalars("val/psnr_y")] == [3, 6]
    assert result.figures is not None
    assert events.Scalars("final/psnr_y")[0].value == pytest.approx(result.figures.net["psnr_y"])


def test_csv_logger_writes_beside_the_runs_own_metrics(write_recipe: Callable[..., Path]) -> None:
    result = fit(load_recipe(write_recipe(body="logger: {name: csv}")))
    assert (result.run.folder / "csv" / "metrics.csv").is_file()


def records(path: Path) -> Iterator[Any]:
    """What W&B has written offline: its file is LevelDB's log of messages."""
    from wandb.proto.wandb_internal_pb2 import Record

    raw, at, part = path.read_bytes(), 7, b""
    while at + 7 <= len(raw):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", raw[at : at + 7])
        part, at = part + raw[at + 7 : at + 7 + length], at + 7 + length
        if kind in (1, 4):
            yield Record.FromString(part)
            part = b""


def of_kind(path: Path, kind: str) -> list[Any]:
    return [getattr(record, kind) for record in records(path) if record.WhichOneof("record_type") == kind]


def exit_code(path: Path) -> int:
    """The last that W&B's own process writes, which may take it a moment."""
    until = time.monotonic() + 300
    while not (ends := of_kind(path, "exit")) and time.monotonic() < until:
        time.sleep(0.1)
    return int(ends[0].exit_code)


def row(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


@pytest.mark.slow
def test_wandb_offline_has_one_run_of_all_that_one_run_was(
    write_recipe: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(local, "CLASSES", local.CLASSES.copy())

    @register("callback", "interrupts")
    class Interrupts(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
            if trainer.global_step == 4:
                os.kill(os.getpid(), signal.SIGINT)

    logger = "{wandb: {project: mine, title: a title, notes: a note, job_type: trial, tags: [one, two], watch: all}}"
    path = write_recipe(body=f"logger: {logger}\ncallbacks: {{interrupts: {{}}}}")
    broken = fit(load_recipe(path, ["run.name=w"]))
    assert broken.signal == signal.SIGINT
    done = fit(load_recipe(path, ["callbacks=null"]), resume=broken.run.folder)
    first, second = sorted((done.run.folder / "wandb").glob("offline-run-*/*.wandb"))
    runs = [of_kind(file, "run")[0] for file in (first, second)]
    # The same run goes on.
    assert runs[0].run_id == runs[1].run_id == (done.run.folder / "wandb" / "id").read_text().strip()
    told = runs[0]
    assert (told.project, told.display_name, told.notes, told.job_type) == ("mine", "a title", "a note", "trial")
    assert list(told.tags) == ["one", "two"]
    assert [exit_code(file) for file in (first, second)] == [130, 0]
    # Figures and pictures stand over batches, and agree.
    drawn = {metric.glob_name: metric.step_metric for metric in of_kind(first, "metric")}
    assert drawn["*"] == "batch"
    rows = [row(history.item) for file in (first, second) for history in of_kind(file, "history")]
    assert [r["batch"] for r in rows if "train/net_pixel" in r] == [1, 2, 3, 4, 5, 6]
    assert [r["batch"] for r in rows if "val/psnr_y" in r] == [3, 6]
    assert [r["batch"] for r in rows if "sample/0/path" in r] == [3, 6]
    # Its end is in the summary, and an artifact.
    summary: dict[str, Any] = {}
    for update in of_kind(second, "summary"):
        summary |= row(update.update)
    assert done.figures is not None
    assert summary["final/psnr_y"] == pytest.approx(done.figures.net["psnr_y"])
    assert summary["baseline/psnr_y"] == pytest.approx(done.figures.baseline["psnr_y"])
    assert summary["best/batch"] in (3, 6)
    assert any(key.startswith("gradients/") for key in summary)
    (artifact,) = of_kind(second, "artifact")
    names = {entry.path for entry in artifact.manifest.contents}
    assert {"weights.safetensors", "best.safetensors", "recipe.yaml", "result.json", "pipeline.yaml"} <= names
    assert "samples/0-step-00000006.png" in names
    # The card that a repository of it would have, and a page.
    local_paths = {entry.path: entry.local_path for entry in artifact.manifest.contents}
    card = yaml.safe_load(Path(local_paths["weights.yaml"]).read_text())
    assert (card["kind"], card["steps"], card["sha256"]) == ("sr", 6, sha256(done.run.weights))
    assert card["figures"]["validation"]["psnr_y"] == pytest.approx(done.figures.net["psnr_y"])
    assert f"| sha256 | `{card['sha256']}` |" in Path(local_paths["README.md"]).read_text()


def test_mlflow_has_figures_and_pictures_and_goes_on(
    write_recipe: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    # What is installed may be the small one, which has no databases.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    address = (tmp_path / "tracked").as_uri()
    path = write_recipe(body=f"logger: {{name: mlflow, tracking_uri: '{address}'}}")
    short = fit(load_recipe(path, ["trainer.max_steps=3"]))
    done = fit(load_recipe(path), resume=short.run.folder)
    assert done.figures is not None
    client = mlflow.MlflowClient(address)
    (run,) = client.search_runs([client.get_experiment_by_name("dlic").experiment_id])
    assert [metric.step for metric in client.get_metric_history(run.info.run_id, "val/psnr_y")] == [3, 6]
    assert run.data.metrics["final/psnr_y"] == pytest.approx(done.figures.net["psnr_y"])
    assert list((tmp_path / "tracked").glob("**/images/*.png"))
