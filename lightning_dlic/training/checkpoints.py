"""Checkpoints by batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger

from lightning_dlic.stages.base import Stage
from lightning_dlic.training.checkpoint_file import give_second_name
from lightning_dlic.training.metrics_file import MetricsFile
from lightning_dlic.training.provenance import circumstances
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
        self.validated = -1

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Records recipe, stages, versions, and on what it was trained."""
        checkpoint["dlic"] = {**self.provenance, "circumstances": circumstances(trainer)}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validates where a run was stopped between a checkpoint and the validation of the same batch."""
        assert isinstance(pl_module, Stage)
        due = pl_module.batches and pl_module.batches % int(trainer.val_check_batch or 1) == 0
        if due and self.validated != pl_module.batches:
            self._saved = pl_module.batches
            validate(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Saves again where this batch is saved already: the checkpoint then knows how well it did."""
        assert isinstance(pl_module, Stage)
        if trainer.sanity_checking:
            return
        self.validated = pl_module.batches
        if self._saved == pl_module.batches:
            self._saved = -1
            self.save(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """The batch of the last validation."""
        return {"validated": self.validated}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes the batch of the last validation."""
        self.validated = int(state_dict["validated"])

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Saves when it is time."""
        assert isinstance(pl_module, Stage)
        if trainer.is_global_zero and pl_module.batches == self._saved + 1:
            pl_module.watch.settle()
            self._prune()
        if pl_module.batches % self.every == 0 or pl_module.batches == pl_module.settings.max_steps:
            self.save(trainer, pl_module)

    def save(self, trainer: pl.Trainer, stage: Stage) -> None:
        """Saves now; nothing where this batch is saved already."""
        if self._saved == stage.batches:
            return
        self._saved = stage.batches
        path = self.run.checkpoints / f"step-{stage.batches:08d}.ckpt"
        self._record(trainer, stage)
        # Lightning means by this whether optimizers and counters are left out.
        trainer.save_checkpoint(path, weights_only=False)
        if trainer.is_global_zero:
            give_second_name(path, self.run.last)
            # The one before it stays until a batch has shown that these weights are good for another.
            self._prune(spare=1)
        trainer.strategy.barrier("dlic-checkpoint")

    @staticmethod
    def _record(trainer: pl.Trainer, stage: Stage) -> None:
        """Writes the metrics up to and with this batch, whose losses Lightning logs only after its callbacks."""
        for logger in trainer.loggers:
            if isinstance(logger, MetricsFile):
                log_batch(trainer, stage, [logger])
                logger.flush()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Saves where a callback has ended the training before its last batch; removes what is not to be kept."""
        assert isinstance(pl_module, Stage)
        self.save(trainer, pl_module)
        if trainer.is_global_zero:
            self._prune()

    def _prune(self, spare: int = 0) -> None:
        for old in sorted(self.run.checkpoints.glob("step-*.ckpt"))[: -max(1, self.keep) - spare]:
            old.unlink(missing_ok=True)


def log_batch(trainer: pl.Trainer, stage: Stage, loggers: Iterable[Logger]) -> None:
    """Logs the losses of the batch at work, where they are due, before Lightning comes to it."""
    if stage.batches % stage.settings.log_every == 0:
        losses = {k: float(v) for k, v in trainer.callback_metrics.items() if not k.startswith("val/")}
        for logger in loggers:
            logger.log_metrics(losses, stage.batches - 1)


def validate(trainer: pl.Trainer) -> None:
    """Runs a validation outside the turn that Lightning gives it: before the first batch."""
    loop, connector = trainer.fit_loop.epoch_loop.val_loop, trainer._logger_connector
    first = connector._first_loop_iter
    trainer.validating = True
    loop.restarting = False
    loop.run()
    trainer.training = True
    connector._first_loop_iter = first
