"""A callback that times a training's batches, and ends the training when its time is over; for scripts beside it."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import pytorch_lightning as pl


class Clock(pl.Callback):
    """Of the process that trains; what loader workers do shows as waiting."""

    seen: ClassVar[dict[str, float]] = {}

    def __init__(self, seconds: float | None = None, cpu: bool = False, warm_up: int = 3) -> None:
        self.seconds, self.warm_up = seconds, warm_up
        self.now = time.process_time if cpu else time.perf_counter
        self.stopping_reason_message = ""
        self.batches, self.waited, self.spent = 0, 0.0, 0.0
        self.first = self.last = self.begun = 0.0

    def on_train_start(self, *_: Any) -> None:
        self.first = self.last = self.now()

    def on_train_batch_start(self, *_: Any) -> None:
        self.begun = self.now()
        if self.batches >= self.warm_up:
            self.waited += self.begun - self.last

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        ended = self.now()
        if self.batches >= self.warm_up:
            self.spent += ended - self.begun
        self.batches, self.last = self.batches + 1, ended
        counted = self.batches - self.warm_up
        type(self).seen = {
            "batches": self.batches,
            "seconds": round(ended - self.first, 2),
            "steps_per_second": round(counted / (self.waited + self.spent), 3) if counted > 0 else 0.0,
            "share_waiting_for_data": round(self.waited / (self.waited + self.spent), 3) if counted > 0 else 0.0,
        }
        if self.seconds is not None and ended - self.first >= self.seconds:
            self.stopping_reason_message = f"its {self.seconds:g} seconds are over"
            trainer.should_stop = True
