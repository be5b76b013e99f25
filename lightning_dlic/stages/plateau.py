"""Schedules that wait for a validation's figure."""

from __future__ import annotations

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn
from torch.optim.lr_scheduler import ReduceLROnPlateau


class Plateaus(pl.Callback):
    """Steps such schedules after each validation, by the figure that the best weights follow.

    A callback, because it must be done before that validation's checkpoint is saved.
    """

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Steps them."""
        figure = trainer.callback_metrics.get(str(pl_module.monitored))
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING or figure is None:
            return
        for config in trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, ReduceLROnPlateau):
                config.scheduler.step(float(figure))
