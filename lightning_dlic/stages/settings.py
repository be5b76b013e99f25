"""What a recipe tells a stage about its optimisation, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Spec = Mapping[str, Any]
"""A component by name, its arguments beside it: ``{"name": "adam", "lr": 1e-4}``."""


@dataclass(frozen=True)
class Settings:
    """How to optimise a stage. Whatever is left out falls back on the stage's own defaults.

    Attributes:
        optim: Optimizer (and its ``schedule``) of each role.
        losses: Loss (and its ``weight``) of each term; a term that is None or not named is off.
        max_steps: Length of the run in batches, for schedules that must know it.
        accumulate: Batches whose gradients are summed before an optimizer steps.
        clip_norm: Largest norm of a role's gradient, or None.
        seed: Seed of everything drawn on the device.
        channels_last: Whether networks and pictures are laid out channels last.
        log_every: Batches between two records of the training losses.
        whole_run: Whether one epoch of Lightning's is the whole run, as `dlic-fit` has it: its checkpoints say where in
            that they are.
        metrics: Arguments of further figures of validations, by registered name.
        monitor: The figure by which the best network is kept; None leaves the stage's own.
    """

    optim: Mapping[str, Spec] = field(default_factory=dict)
    losses: Mapping[str, Spec | None] = field(default_factory=dict)
    max_steps: int = 1
    accumulate: int = 1
    clip_norm: float | None = None
    seed: int = 0
    channels_last: bool = True
    log_every: int = 50
    whole_run: bool = False
    metrics: Mapping[str, Spec] = field(default_factory=dict)
    monitor: str | None = None
