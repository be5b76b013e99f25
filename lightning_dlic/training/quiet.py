"""Hides Lightning's advice that does not apply: loaders, optimizers, steps and devices are ours to count."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = ("pytorch_lightning", "lightning_fabric")
_ADVICE = (
    ".*does not have many workers.*",
    ".*dataloader is not resumable.*",
    ".*LightningCLI.*",
    ".*litlogger.*",
    ".*isinstance.treespec, LeafSpec.*",
    ".*Checkpoint directory.*",
    ".*lr_scheduler.step.*",
    ".*smaller than the logging interval.*",
)


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps Lightning's hints about itself from what a training prints, for as long as the context lasts."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        for message in _ADVICE:
            warnings.filterwarnings("ignore", message=message)
        try:
            for logger in loggers:
                logger.setLevel(logging.WARNING)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
