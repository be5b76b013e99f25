"""Keeps the network of the best validation."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from lightning_dlic.stages.base import Stage
from lightning_dlic.zoo import save_net


class Best(pl.Callback):
    """Writes the network whenever the stage's monitored figure is higher than ever before."""

    def __init__(self, path: Path, facts: dict[str, Any], measured_on: dict[str, Any]) -> None:
        """Creates the callback.

        Args:
            path: The weights file.
            facts: What the file says of its origin.
            measured_on: What the validation pictures depend on: figures of others say nothing beside these.
        """
        self.path, self.facts, self.measured_on = path, facts, measured_on
        self.best = float("-inf")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compares, and writes if better."""
        assert isinstance(pl_module, Stage)
        value = float(trainer.callback_metrics.get(pl_module.monitored, float("-inf")))
        if trainer.sanity_checking or not trainer.is_global_zero or not value > self.best:
            return
        self.best = value
        save_net(self.path, pl_module.net, {**self.facts, **pl_module.describe_net(), pl_module.monitor: value})

    def state_dict(self) -> dict[str, Any]:
        """The best figure so far."""
        return {"best": self.best, "measured_on": self.measured_on}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes the best figure of a checkpoint, if it was measured on the same pictures."""
        if state_dict.get("measured_on", self.measured_on) == self.measured_on:
            self.best = float(state_dict["best"])
        else:
            warnings.warn(
                "the validation pictures are others than before: the best weights are looked for anew", stacklevel=2
            )
