"""Keeps the network of the best validation."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from dlic_registry import DlicError
from lightning_dlic.stages.base import Stage
from lightning_dlic.zoo import save_net


class Best(pl.Callback):
    """Writes the trained networks whenever the stage's monitored figure is better than ever before."""

    def __init__(
        self, files: Mapping[str, Path], facts: Mapping[str, dict[str, Any]], measured_on: dict[str, Any]
    ) -> None:
        """Creates the callback.

        Args:
            files: The weights file of each kind of stage that is trained.
            facts: What each says of its origin.
            measured_on: What the figure depends on beside the network: others say nothing beside it.
        """
        self.files, self.facts, self.measured_on = files, facts, measured_on
        self.best = float("-inf")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compares, and writes if better.

        Raises:
            DlicError: The validation gives no figure of the name that the recipe wants followed.
        """
        assert isinstance(pl_module, Stage)
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        name = pl_module.monitor
        figure = trainer.callback_metrics.get(pl_module.monitored)
        if figure is None:
            if pl_module.settings.monitor is not None:
                raise DlicError(f"monitor: no validation gives {name!r}\nFigures: {_names(trainer)}")
            return
        value = float(figure) * pl_module.monitor_sign
        if not value > self.best:
            return
        self.best = value
        for kind, part in pl_module.trained().items():
            self.files[kind].parent.mkdir(exist_ok=True)
            origin = {**self.facts[kind], **part.describe_net(), "steps": pl_module.batches, name: float(figure)}
            save_net(self.files[kind], part.net, origin)

    def state_dict(self) -> dict[str, Any]:
        """The best figure so far, its sign turned where less is better."""
        return {"best": self.best, "measured_on": self.measured_on}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes the best figure of a checkpoint, if it was measured on the same pictures."""
        if state_dict.get("measured_on", self.measured_on) == self.measured_on:
            self.best = float(state_dict["best"])
        else:
            warnings.warn(
                "the validation pictures, or the figure, are others than before: the best weights are looked for anew",
                stacklevel=2,
            )


def _names(trainer: pl.Trainer) -> str:
    return ", ".join(sorted(key.removeprefix("val/") for key in trainer.callback_metrics if key.startswith("val/")))
