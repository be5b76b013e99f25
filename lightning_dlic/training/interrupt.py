"""An orderly end on a signal, wherever a training stands."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType
from typing import Any

import pytorch_lightning as pl

from dlic_datamodules.errors import DataError
from lightning_dlic.stages.base import Stage
from lightning_dlic.training.checkpoints import Checkpoints, log_batch
from lightning_dlic.training.metrics_file import MetricsFile

_SIGNALS = tuple(signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in signal.Signals.__members__)


class Interrupted(BaseException):
    """Leaves a training. Not an `Exception`: nothing on the way may take it for a failure."""


class Interrupt(pl.Callback):
    """Turns SIGINT, SIGTERM and SIGHUP into a checkpoint and an end: after the batch, or the picture in a validation.

    A validation that is broken off is run again when the training goes on. A second SIGINT leaves at once, with the
    checkpoints that are there.
    """

    def __init__(self, checkpoints: Checkpoints) -> None:
        """Creates the callback.

        Args:
            checkpoints: What saves.
        """
        self.checkpoints = checkpoints
        self.received: int | None = None
        self._at_once = self._after_batch = False
        self._previous: dict[int, Any] = {}
        self._trainer: pl.Trainer | None = None
        self._terminals: list[int] = []

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Notes whose the signals are, before Lightning takes them for itself."""
        self._trainer = trainer
        if threading.current_thread() is threading.main_thread():
            # What nohup has a process ignore, it goes on ignoring.
            handlers = {number: signal.getsignal(number) for number in _SIGNALS}
            self._previous = {number: each for number, each in handlers.items() if each is not signal.SIG_IGN}
            self._terminals = [stream for stream in (1, 2) if os.isatty(stream)]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Takes the signals, from Lightning."""
        for number in self._previous:
            signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if number not in (signal.SIGINT, signal.SIGTERM):
            self._leave_terminal()
        if self.received is None:
            self.received = number
            where = "this validation is broken off, and runs again when the training goes on"
            self._tell(f"stopping: {where if self._validating else 'after this batch'}; a checkpoint is saved")
        elif number == signal.SIGINT:
            if self._at_once:  # and not even that was quick enough
                os._exit(128 + number)
            self._at_once = True
            self._tell("leaving at once, with the checkpoints that are there")
            raise Interrupted

    def _leave_terminal(self) -> None:
        """Prints to nowhere from here on: the terminal has hung up, and what wrote to it would fail before the save."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in self._terminals:
            os.dup2(nowhere, stream)
        os.close(nowhere)

    @property
    def _validating(self) -> bool:
        return self._trainer is not None and bool(self._trainer.validating)

    def _tell(self, text: str) -> None:
        """Writes past the streams of Python, in which the signal may have interrupted something else."""
        if self._trainer is not None and self._trainer.is_global_zero:
            again = "" if self._at_once else " (Ctrl-C again: leave at once)"
            with contextlib.suppress(OSError):
                os.write(2, f"\n{text}{again}\n".encode())

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Stops after the batch in which a signal came, on all ranks at the same batch."""
        self._after_batch = True
        self._stop(trainer)
        self._after_batch = False

    def on_validation_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Breaks a validation off between two pictures, on all ranks between the same."""
        if not trainer.sanity_checking:
            self._stop(trainer)

    def _stop(self, trainer: pl.Trainer) -> None:
        stop = self.received is not None
        if trainer.world_size > 1:
            stop = trainer.strategy.reduce_boolean_decision(stop, all=False)
        if stop:
            self.received = self.received or signal.SIGTERM
            raise Interrupted

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Saves, by when the average has given the parameters back; also where there is nothing to validate on."""
        assert isinstance(pl_module, Stage)
        unread = isinstance(exception, DataError) and self._validating and not trainer.sanity_checking
        # Before the first batch there is nothing to keep.
        if (unread and pl_module.batches) or (isinstance(exception, Interrupted) and not self._at_once):
            self.checkpoints.save(trainer, pl_module)
            if self._after_batch:
                others = [logger for logger in trainer.loggers if not isinstance(logger, MetricsFile)]
                log_batch(trainer, pl_module, others)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Gives the signals back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()
