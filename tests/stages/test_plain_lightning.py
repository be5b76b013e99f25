"""Stages are LightningModules as people know them: a plain Trainer trains them, and checkpoints build them again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from dlic_datamodules.folder import FolderDataModule
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
