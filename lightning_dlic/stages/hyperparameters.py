"""A stage's arguments as Lightning's hyper-parameters, so that `load_from_checkpoint` can build it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl


def keep_arguments(stage: pl.LightningModule) -> None:
    """Keeps the arguments that a stage is being built with, those of plain types; to be called while it is.

    Lightning finds them on the stack: whatever class a stage is of, its constructor is still at work there.

    Args:
        stage: A stage whose constructors are running.
    """
    stage.save_hyperparameters(logger=False)
    for name in [name for name, value in stage.hparams.items() if not is_plain(value)]:
        # What a checkpoint could not hold without being unpickled is left to who loads it.
        del stage.hparams[name]
    for name, value in stage.hparams.items():
        stage.hparams[name] = plain(value)


def is_plain(value: Any) -> bool:
    """Whether a value is made of mappings, sequences, texts, numbers, booleans and None alone."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or isinstance(value, str | int | float | bool)


def plain(value: Any) -> Any:
    """Mappings and sequences as the dicts and lists that a checkpoint may hold."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
