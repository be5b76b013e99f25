"""Stages are LightningModules as people know them: a plain Trainer trains them, and checkpoints build them again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.profilers import SimpleProfiler
from pytorch_lightning.tuner import Tuner

from dlic_datamodules.folder import FolderDataModule
from dlic_registry import DlicError
from lightning_dlic.stages.chain import Chain
from lightning_dlic.stages.settings import Settings
from lightning_dlic.stages.sr.compact import Compact
from lightning_dlic.stages.sr.srgan import SRGAN

SMALL = {"name": "compact", "width": 8, "blocks": 1}
COLOR = {"name": "multihypothesis_compact", "branches": 2, "widths": (8, 8)}
STAGES: dict[str, Callable[[], Any]] = {
    "stage": lambda: Compact(scale=2, width=8, blocks=1),
    "gan": lambda: SRGAN(2, 3, SMALL, discriminator={"name": "srgan_discriminator", "width": 4, "dense": 8}),
    "chain": lambda: Chain(
        {
            "sr": {"name": "compact", "args": {"scale": 2, "channels": 1, "width": 8, "blocks": 1}},
            "colorization": {"name": "multihypothesis", "args": {"net": COLOR}},
        },
        ["sr"],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("which", STAGES)
def test_a_plain_trainer_fits_a_stage_and_its_checkpoint_builds_it_again(
    which: str, pictures: Path, tmp_path: Path
) -> None:
    data = FolderDataModule(root=str(pictures), crop=16, batch_size=2, workers=0, val_crop=32, cache_dir=str(tmp_path))
    stage = STAGES[which]()
    start = {name: value.clone() for name, value in stage.state_dict().items()}
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(
        max_epochs=2, limit_train_batches=2, accelerator="cpu", devices=1, default_root_dir=tmp_path, **quiet
    )
    trainer.fit(stage, datamodule=data)
    assert stage.batches == 4
    trained = stage.state_dict()
    assert any(not torch.equal(value, trained[name]) for name, value in start.items())
    assert trainer.callback_metrics["val/psnr_y"] > 5
    weights = tmp_path / "weights.ckpt"
    trainer.save_checkpoint(weights, weights_only=True)
    whole = trainer.checkpoint_callback.best_model_path  # type: ignore[union-attr]
    for path in (whole, weights):
        torch.load(path, weights_only=True)
        again = type(stage).load_from_checkpoint(path)
        assert again.batches == 4
        assert all(torch.equal(value, trained[name]) for name, value in again.state_dict().items())


def test_settings_from_python_hold(pictures: Path, tmp_path: Path) -> None:
    data = FolderDataModule(root=str(pictures), crop=16, batch_size=2, workers=0, val_crop=32, cache_dir=str(tmp_path))
    stage = Compact(scale=2, width=8, blocks=1)
    stage.configure(Settings(optim={"net": {"name": "sgd", "lr": 0.0}}, losses={"mine": {"name": "mse"}}))
    start = {name: value.clone() for name, value in stage.state_dict().items()}
    trainer = pl.Trainer(
        max_steps=2, accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False
    )
    trainer.fit(stage, datamodule=data)
    assert all(torch.equal(value, start[name]) for name, value in stage.state_dict().items())


QUIET: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}


def data_of(pictures: Path, cache: Path) -> FolderDataModule:
    return FolderDataModule(root=str(pictures), crop=16, batch_size=2, workers=0, val_crop=32, cache_dir=str(cache))


def test_a_notebooks_worth(pictures: Path, tmp_path: Path) -> None:
    data, stage = data_of(pictures, tmp_path), Compact(scale=2, width=8, blocks=1)
    stops = EarlyStopping("val/psnr_y", mode="max", min_delta=90.0, patience=1)
    profiler = SimpleProfiler()
    trainer = pl.Trainer(
        max_epochs=9, accelerator="cpu", default_root_dir=tmp_path, callbacks=[stops], profiler=profiler, **QUIET
    )
    found = Tuner(trainer).lr_find(stage, data, min_lr=1e-6, max_lr=1.0, num_training=25)
    assert found is not None
    rates = found.results["lr"]
    assert rates[0] < 1e-5
    assert rates[-1] > 0.1
    assert len({round(loss, 9) for loss in found.results["loss"]}) > 20
    assert stage.lr == found.suggestion() == stage.configure_optimizers()[0]["optimizer"].param_groups[0]["lr"]
    stage.lr = 1e-3
    trainer.fit(stage, datamodule=data)
    # Two epochs of three batches each, beside those that the finder undoes.
    assert (trainer.current_epoch, trainer.global_step, stage.batches) == (2, 6, 6)
    assert "optimizer_step" in profiler.recorded_durations
    assert {"val/psnr_y", "val/ssim_y"} <= set(trainer.callback_metrics)
    (scores,) = trainer.test(stage, datamodule=data, verbose=False)
    assert scores["test/psnr_y"] == pytest.approx(float(stops.best_score), abs=3.0)
    made = trainer.predict(stage, datamodule=data)
    assert made is not None
    assert [tuple(picture.shape) for picture in made] == [(1, 3, 32, 32)] * 2
    assert all(0.0 <= float(picture.min()) <= float(picture.max()) <= 1.0 for picture in made)


@pytest.mark.parametrize("which", ["stage", "gan"])
@pytest.mark.parametrize(
    ("arguments", "batches"),
    [
        ({"max_steps": 4}, 4),
        ({"overfit_batches": 1, "max_epochs": 3}, 3),
        ({"fast_dev_run": 2}, 2),
    ],
)
def test_lengths_mean_batches_for_one_network_and_a_gan(
    which: str, arguments: dict[str, Any], batches: int, pictures: Path, tmp_path: Path
) -> None:
    stage = STAGES[which]()
    trainer = pl.Trainer(accelerator="cpu", default_root_dir=tmp_path, enable_checkpointing=False, **QUIET, **arguments)
    trainer.fit(stage, datamodule=data_of(pictures, tmp_path))
    assert (stage.batches, trainer.global_step) == (batches, batches)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"gradient_clip_val": 1.0}, r"gradient_clip_val.*\n.*Settings\(clip_norm=.*trainer\.clip_norm"),
        ({"accumulate_grad_batches": 2}, r"accumulate_grad_batches.*\n.*Settings\(accumulate=.*trainer\.accumulate"),
    ],
)
def test_what_a_trainer_would_do_itself_names_our_setting(
    arguments: dict[str, Any], told: str, pictures: Path, tmp_path: Path
) -> None:
    trainer = pl.Trainer(max_steps=1, accelerator="cpu", default_root_dir=tmp_path, **QUIET, **arguments)
    with pytest.raises(DlicError, match=told):
        trainer.fit(Compact(scale=2, width=8, blocks=1), datamodule=data_of(pictures, tmp_path))


@pytest.mark.slow
def test_lightnings_own_command_line_builds_our_classes(pictures: Path, tmp_path: Path) -> None:
    pytest.importorskip("jsonargparse")
    from pytorch_lightning.cli import LightningCLI

    words = [
        *("fit", "--model.scale=2", "--model.width=8", "--model.blocks=1", f"--data.root={pictures}"),
        *("--data.crop=16", "--data.batch_size=2", "--data.workers=0", "--data.val_crop=32"),
        *(f"--data.cache_dir={tmp_path}", f"--trainer.default_root_dir={tmp_path}", "--trainer.max_steps=2"),
        *("--trainer.accelerator=cpu", "--trainer.logger=false", "--trainer.enable_progress_bar=false"),
    ]
    cli = LightningCLI(Compact, FolderDataModule, args=words, save_config_callback=None)
    assert cli.model.batches == 2
    assert cli.model.hparams["width"] == 8
