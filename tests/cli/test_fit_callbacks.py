"""Callbacks and loggers that a recipe names: a run that one of them ends is a run like any other."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
import yaml

from dlic_registry import local, register
from lightning_dlic.training.provenance import read_checkpoint
from lightning_dlic.zoo import load_net

Inline = Callable[..., tuple[str, str]]
Write = Callable[..., Path]
GAN = {
    "stage": "srgan",
    "args": "generator: {name: compact, width: 8, blocks: 1}, "
    "discriminator: {name: srgan_discriminator, width: 4, dense: 8}",
}
# No figure ever gets better by that much.
STOP = "callbacks: {early_stopping: {min_delta: 90, patience: 1}, lr_monitor: {}}"


@pytest.fixture(autouse=True)
def stopper(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third party's callback."""
    monkeypatch.setattr(local, "CLASSES", local.CLASSES.copy())

    @register("callback", "stop_at")
    class StopAt(pl.Callback):
        def __init__(self, batch: int) -> None:
            self.batch = batch

        def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: object) -> None:
            trainer.should_stop = pl_module.batches >= self.batch  # type: ignore[operator]


@pytest.mark.parametrize(
    ("kind", "body", "settings", "batches"),
    [
        ("gan", STOP, ("trainer.ema=0.9",), 6),
        ("plain", "callbacks: {stop_at: {batch: 4}}", ("trainer.accumulate=3",), 4),
    ],
)
def test_a_callback_that_stops_a_run_leaves_all_that_its_end_does(
    write_recipe: Write, inline: Inline, kind: str, body: str, settings: tuple[str, ...], batches: int
) -> None:
    path = write_recipe(body=body, **(GAN if kind == "gan" else {}))
    folder = path.parent / "runs" / "tiny" / "stopped"
    out, _ = inline("fit", path, "run.name=stopped", "trainer.max_steps=60", *settings)
    assert f"ended after batch {batches} of 60: " in out
    result = json.loads((folder / "result.json").read_text())
    assert result["batches"] == batches
    assert result["stopped"]
    last = read_checkpoint(folder / "checkpoints" / "last.ckpt")
    assert last["dlic_batches"] == batches
    net, facts = load_net(folder / "weights.safetensors")
    assert facts["steps"] == batches
    trained = next(s["shadow"] for k, s in last["callbacks"].items() if k == "EMA") if "ema" in str(settings) else {}
    expected = {k.removeprefix("net."): v for k, v in last["state_dict"].items()} | trained
    assert all(torch.equal(value, expected[name]) for name, value in net.state_dict().items())
    assert (folder / "best.safetensors").is_file()


def test_how_patient_to_be_is_the_resumed_recipes_to_say(write_recipe: Write, inline: Inline) -> None:
    path = write_recipe(body=STOP)
    inline("fit", path, "run.name=r", "trainer.max_steps=60")
    folder = path.parent / "runs" / "tiny" / "r"
    out, _ = inline("fit", "--resume", folder, "callbacks.early_stopping.patience=3")
    assert "ended after batch 12 of 60" in out


@pytest.mark.slow
def test_the_best_checkpoints_are_kept_and_can_be_started_from(write_recipe: Write, inline: Inline) -> None:
    body = """
callbacks:
  model_checkpoint: {save_top_k: 1}
  similar: {name: model_checkpoint, monitor: ssim_y, filename: "ssim-{step}", dirpath: DIR}
logger: {csv: {}, mine: {name: tensorboard}}
"""
    path = write_recipe(**GAN)
    path.write_text(path.read_text() + body.replace("DIR", str(path.parent / "similar")))
    inline("fit", path, "run.name=k", "logger.mine=null")
    folder = path.parent / "runs" / "tiny" / "k"
    with (folder / "metrics.csv").open() as stream:
        scores = {int(row["step"]): float(row["val/psnr_y"]) for row in csv.DictReader(stream) if row["val/psnr_y"]}
    (kept,) = (folder / "checkpoints" / "kept").glob("*.ckpt")
    assert read_checkpoint(kept)["dlic_batches"] == max(scores, key=lambda step: scores[step])
    assert len(list((path.parent / "similar").glob("ssim-*.ckpt"))) == 1
    assert (folder / "csv" / "metrics.csv").is_file()
    assert not (folder / "tensorboard").exists()
    inline("fit", path, "run.name=again", "callbacks=null", f"stages.sr.init={kept}", "trainer.max_steps=1")


def test_limit_train_and_profiler(write_recipe: Write, inline: Inline) -> None:
    path = write_recipe()
    for name, settings in {"one": ("trainer.limit_train=1",), "all": ("trainer.profiler=simple",)}.items():
        inline("fit", path, f"run.name={name}", "trainer.max_steps=3", "data.args.crop=64", *settings)
    runs = path.parent / "runs" / "tiny"
    assert "training_step" in (runs / "all" / "fit-profile.txt").read_text()
    one, everything = ((runs / name / "weights.safetensors").read_bytes() for name in ("one", "all"))
    assert one != everything


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("callbacks.early_stoping={}",), "unknown callback 'early_stoping'. Did you mean"),
        (("callbacks.early_stopping.patiense=3",), "no argument 'patiense'\nDid you mean 'patience'?"),
        (("callbacks.early_stopping.monitor=psnr_x",), "no validation gives 'psnr_x'\nDid you mean 'psnr_y'?"),
        (("callbacks.lr_monitor.logging_interval=week",), "'week' is not"),
        (("callbacks.lr_monitor=5",), "callbacks.lr_monitor: 5 is not a mapping of arguments"),
        (("logger.wandb.projct=x",), "logger.wandb.projct: logger wandb has no argument 'projct'"),
        (("callbacks.b.name=pytorch_lightning.callbacks:Timer", "callbacks.b.interval=x"), "callbacks.b: Unsupported"),
    ],
)
def test_a_mistake_is_told_before_anything_is_trained(
    write_recipe: Write, inline: Inline, words: tuple[str, ...], told: str
) -> None:
    path = write_recipe()
    _, err = inline("fit", path, *words, status=2)
    assert told in err
    assert "Traceback" not in err
    assert not (path.parent / "runs" / "tiny").exists()


def test_the_written_recipe_has_them(write_recipe: Write, inline: Inline) -> None:
    path = write_recipe(body=STOP + "\nlogger: {csv: {}, tensorboard: {}}")
    printed = yaml.safe_load(inline("fit", path, "--print-recipe", "callbacks.lr_monitor=null")[0])
    assert printed["callbacks"] == {"early_stopping": {"min_delta": 90, "patience": 1}}
    assert printed["logger"] == {"csv": {}, "tensorboard": {}}
    printed = yaml.safe_load(inline("fit", path, "--print-recipe", "logger={name: csv}")[0])
    assert printed["logger"] == {"name": "csv"}
