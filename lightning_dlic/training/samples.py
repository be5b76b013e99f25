"""Validation pictures: in the run's folder and in the loggers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from PIL import Image
from torch import Tensor

from dlic_datamodules.files import write_file
from lightning_dlic.stages.base import Stage
from lightning_dlic.training.loggers import log_picture
from lightning_dlic.training.run import Run

_LARGEST = 384


class Samples(pl.Callback):
    """After each validation, saves baseline, output and original of the first pictures side by side."""

    def __init__(self, run: Run, count: int = 4) -> None:
        """Creates the callback.

        Args:
            run: The run's folder.
            count: Pictures shown.
        """
        self.run, self.count = run, count

    @torch.no_grad()
    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        """Shows a picture if it is one of the first."""
        if batch_idx >= self.count or not trainer.is_global_zero or trainer.sanity_checking:
            return
        assert isinstance(pl_module, Stage)
        inputs, target = pl_module.task(_centre(batch))
        panel = pl_module.panel(inputs, pl_module(inputs), target)
        name = f"sample/{batch_idx}"
        for logger in trainer.loggers:
            log_picture(logger, name, panel, pl_module.batches)
        self.run.samples.mkdir(exist_ok=True)
        save_png(panel, self.run.samples / f"{batch_idx}-step-{pl_module.batches:08d}.png")


def _centre(batch: Any) -> Any:
    """The middle of a large picture: panels are for looking, and three of 2K side by side are not looked at."""
    image = batch["image"]
    top, left = (max(0, side - _LARGEST) // 2 for side in image.shape[-2:])
    if "base" in batch or (top, left) == (0, 0):
        return batch
    return {"image": image[..., top : top + _LARGEST, left : left + _LARGEST]}


def save_png(picture: Tensor, path: Path) -> None:
    """Writes a float picture ``[3, H, W]`` in [0, 1] as 8-bit PNG, whole or not at all."""
    pixels = picture.mul(255).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().contiguous().numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    write_file(path, buffer.getvalue())
