"""Progress of a run: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar, TQDMProgressBar

from dlic_registry.terminal import say
from lightning_dlic.stages.base import Stage


class Lines(ProgressBar):
    """Prints a line at most every few seconds: for logs, where a bar is noise."""

    def __init__(self, seconds: float = 15.0) -> None:
        """Creates the callback.

        Args:
            seconds: Least time between two lines.
        """
        super().__init__()
        self.seconds = seconds
        self._begun, self._first, self._printed = 0.0, 0, 0.0

    def disable(self) -> None:
        """Silences a rank that is not the first."""
        self.seconds = float("inf")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts the clock."""
        assert isinstance(pl_module, Stage)
        self._begun = self._printed = time.monotonic()
        self._first = pl_module.batches

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Prints where the run stands, if it is time."""
        now = time.monotonic()
        if now - self._printed >= self.seconds:
            self._printed = now
            self._print(pl_module, now)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Prints the validation's figure."""
        assert isinstance(pl_module, Stage)
        value = trainer.callback_metrics.get(pl_module.monitored)
        if value is not None and self.seconds != float("inf"):
            _say(f"batch {pl_module.batches}: {pl_module.monitored} {float(value):.3f}")

    def _print(self, stage: pl.LightningModule, now: float) -> None:
        assert isinstance(stage, Stage)
        rate = (stage.batches - self._first) / max(1e-9, now - self._begun)
        left = (stage.settings.max_steps - stage.batches) / max(1e-9, rate)
        _say(f"batch {stage.batches}/{stage.settings.max_steps}  {rate:.1f}/s  {left / 60:.0f} min left")


def _say(line: str) -> None:
    """Prints; a training does not end because nobody can read its progress any more."""
    with contextlib.suppress(OSError):
        say(line)


def progress_bar(every: int) -> ProgressBar:
    """The progress display that fits where the output goes.

    Args:
        every: Batches between two refreshes of a bar.

    Returns:
        The callback.
    """
    return TQDMProgressBar(refresh_rate=max(1, every // 5)) if sys.stderr.isatty() else Lines()
