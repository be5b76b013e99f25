"""Callbacks that a recipe names: Lightning's own, which know here what a stage is followed by, and anybody's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

from dlic_registry import DlicError, load, suggest
from dlic_registry.building import building
from lightning_dlic.recipe import Recipe
from lightning_dlic.recipe.named import Named
from lightning_dlic.stages.base import Stage

Mode = Literal["min", "max"]


class EarlyStop(EarlyStopping):
    """Ends the training where validations no longer get better; by the stage's own figure where none is named."""

    def __init__(
        self,
        monitor: str | None = None,
        patience: int = 5,
        min_delta: float = 0.0,
        mode: Mode | None = None,
        stopping_threshold: float | None = None,
        divergence_threshold: float | None = None,
        check_finite: bool = True,
    ) -> None:
        """Creates the callback.

        Args:
            monitor: The figure, such as ``psnr_y``; by default what the best weights follow.
            patience: Validations without a better figure until the end.
            min_delta: By how much a figure must be better to count.
            mode: ``max`` where more is better, else ``min``; by default what the figure itself says.
            stopping_threshold: A figure this good ends the training at once.
            divergence_threshold: A figure this bad does, too.
            check_finite: Whether a figure that is no finite number does.
        """
        self._asked = monitor, mode
        self._others: dict[str, Any] = {
            "patience": patience,
            "min_delta": min_delta,
            "stopping_threshold": stopping_threshold,
            "divergence_threshold": divergence_threshold,
            "check_finite": check_finite,
        }
        super().__init__(monitor or "val", mode=mode or "max", **self._others)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Finds the figure, before anything is trained.

        Raises:
            DlicError: No validation gives it.
        """
        monitor, mode = followed(pl_module, "early_stopping", *self._asked)
        super().__init__(monitor, mode=mode, **self._others)
        super().setup(trainer, pl_module, stage)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes what has been seen; how patient to be is the recipe's to say."""
        super().load_state_dict({**state_dict, "patience": self.patience})


class KeepBest(ModelCheckpoint):
    """Keeps whole checkpoints of the best validations, in ``checkpoints/kept`` of the run's folder."""

    def __init__(
        self,
        monitor: str | None = None,
        save_top_k: int = 1,
        mode: Mode | None = None,
        dirpath: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Creates the callback.

        Args:
            monitor: The figure by which the best are known; by default what the best weights follow.
            save_top_k: How many are kept; -1 keeps all.
            mode: ``max`` where more is better, else ``min``; by default what the figure itself says.
            dirpath: Their folder.
            **kwargs: Lightning's others.
        """
        self._asked, self._folder = (monitor, mode), dirpath
        self._others = {"save_top_k": save_top_k, **kwargs}
        super().__init__(dirpath, monitor=monitor or "val", mode=mode or "max", **self._others)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Finds the figure and the folder, before anything is trained.

        Raises:
            DlicError: No validation gives the figure.
        """
        monitor, mode = followed(pl_module, "model_checkpoint", *self._asked)
        folder = self._folder or str(Path(trainer.default_root_dir) / "checkpoints" / "kept")
        super().__init__(folder, monitor=monitor, mode=mode, **self._others)
        super().setup(trainer, pl_module, stage)


def followed(stage: pl.LightningModule, who: str, monitor: str | None, mode: Mode | None) -> tuple[str, Mode]:
    """The figure that a callback follows, as it is logged, and which way is better.

    Args:
        stage: The stage.
        who: The callback, for messages.
        monitor: A figure, with or without ``val/`` before it, or a loss such as ``train/net_pixel``; None for the
            figure that the best weights follow.
        mode: Which way is better, where that is said.

    Raises:
        DlicError: No validation gives such a figure.
    """
    assert isinstance(stage, Stage)
    if monitor is not None and monitor.startswith("train/"):
        return monitor, mode or "min"
    name = (monitor or stage.monitor).removeprefix("val/")
    known = [*stage.scores, *(metric.name for metric in stage.metrics)]
    if stage.scores and "/" not in name and name not in known:
        near = suggest(name, known)
        meant = f"Did you mean {near!r}? " if near else ""
        raise DlicError(f"callbacks.{who}.monitor: no validation gives {name!r}\n{meant}Figures: {', '.join(known)}")
    inside = f"{stage.follows}/{name}" if stage.follows and "/" not in name else name
    return f"val/{inside}", mode or ("max" if stage.sign_of(name.rpartition("/")[2]) > 0 else "min")


def build_callbacks(recipe: Recipe) -> list[pl.Callback]:
    """Builds the callbacks that a recipe names.

    Args:
        recipe: A checked recipe.

    Raises:
        DlicError: One refuses its arguments, or lacks a package.
    """
    return [_build(recipe, named) for named in recipe.named_callbacks]


def _build(recipe: Recipe, named: Named) -> pl.Callback:
    with building(f"{recipe.where(named.key)}: {named.key}"):
        callback: pl.Callback = load("callback", named.name)(**named.args)
    return callback


def reason_to_stop(trainer: pl.Trainer) -> str | None:
    """Why a callback ended a training before its last batch; None where none did."""
    if not trainer.should_stop:
        return None
    told = (getattr(callback, "stopping_reason_message", None) for callback in trainer.callbacks)  # type: ignore[attr-defined]
    message = next((str(text) for text in told if text), "a callback asked for it")
    return message.removesuffix(" Signaling Trainer to stop.")
