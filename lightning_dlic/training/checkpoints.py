"""Checkpoints by batches, and an orderly end on a signal."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

import pytorch_lightning as pl

from lightning_dlic.stages.base import Stage
from lightning_dlic.training.metrics_file import MetricsFile
from lightning_dlic.training.run import Run


class Checkpoints(pl.callbacks.Checkpoint):
    """Saves ``step-N.ckpt`` every so many batches and at the end; ``last.ckpt`` is the newest.

    Lightning's own callback counts optimizer steps, of which a GAN makes two a batch.
    """

    def __init__(self, run: Run, every: int, keep: int, provenance: dict[str, Any]) -> None:
        """Creates the callback.

        Args:
            run: The run's folder.
            every: Batches between two checkpoints.
            keep: How many to keep; the newest stay.
            provenance: What the checkpoint records of its origin, as plain types.
        """
        self.run, self.every, self.keep, self.provenance = run, every, keep, provenance
        self._saved = -1

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Records recipe, stages and versions."""
        checkpoint["dlic"] = self.provenance

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Saves when it is time."""
        assert isinstance(pl_module, Stage)
        if pl_module.batches % self.every == 0 or pl_module.batches == pl_module.settings.max_steps:
            self.save(trainer, pl_module)

    def save(self, trainer: pl.Trainer, stage: Stage) -> None:
        """Saves now; nothing where this batch is saved already."""
        if self._saved == stage.batches:
            return
        self._saved = stage.batches
        path = self.run.checkpoints / f"step-{stage.batches:08d}.ckpt"
        self._record(trainer, stage)
        trainer.save_checkpoint(path)
        if trainer.is_global_zero:
            fresh = self.run.last.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            os.link(path, fresh)
            fresh.replace(self.run.last)
            self._prune()
        trainer.strategy.barrier("dlic-checkpoint")

    @staticmethod
    def _record(trainer: pl.Trainer, stage: Stage) -> None:
        """Writes the metrics up to and with this batch, whose losses Lightning logs only after its callbacks."""
        for logger in trainer.loggers:
            if isinstance(logger, MetricsFile):
                if stage.batches % stage.settings.log_every == 0:
                    losses = {k: float(v) for k, v in trainer.callback_metrics.items() if not k.startswith("val/")}
                    logger.log_metrics(losses, stage.batches - 1)
                logger.flush()

    def _prune(self) -> None:
        for old in sorted(self.run.checkpoints.glob("step-*.ckpt"))[: -max(1, self.keep)]:
            old.unlink(missing_ok=True)


class Interrupt(pl.Callback):
    """Turns SIGINT and SIGTERM into a checkpoint and an orderly end; a second SIGINT ends at once."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        """Creates the callback.

        Args:
            checkpoints: What saves.
        """
        self.checkpoints = checkpoints
        self.received: int | None = None
        self._previous: dict[int, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Takes the signals, which Lightning has taken for itself after `on_fit_start`."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = number

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Saves and stops after the batch in which a signal came, on all ranks at the same batch."""
        assert isinstance(pl_module, Stage)
        stop = self.received is not None
        if trainer.world_size > 1:
            stop = trainer.strategy.reduce_boolean_decision(stop, all=False)
        if stop:
            self.received = self.received or signal.SIGTERM
            self.checkpoints.save(trainer, pl_module)
            trainer.should_stop = True

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Gives the signals back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()
