"""Optimizers and schedules of a stage's roles, built from registered names."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler

from dlic_registry import load
from lightning_dlic.stages.settings import Spec


def build_optimizer(spec: Spec, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """Builds an optimizer.

    Args:
        spec: ``{"name": ..., "lr": ..., ...}``; a ``schedule`` in it is left alone.
        parameters: What it optimises.

    Returns:
        The optimizer.
    """
    arguments = {key: _tuple(value) for key, value in spec.items() if key not in ("name", "schedule")}
    optimizer: torch.optim.Optimizer = load("optimizer", spec["name"])(list(parameters), **arguments)
    return optimizer


def build_schedule(spec: Spec, optimizer: torch.optim.Optimizer, steps: int) -> LRScheduler:
    """Builds a learning-rate schedule that is stepped once an optimizer step.

    Args:
        spec: ``{"name": ..., ...}``.
        optimizer: Whose learning rate it sets.
        steps: Optimizer steps of the whole run. Schedules that need a length (``T_max``, ``total_steps``) or a peak
            (``max_lr``) and are given none take the run's and the optimizer's.

    Returns:
        The schedule.
    """
    cls = load("schedule", spec["name"])
    arguments = {key: value for key, value in spec.items() if key != "name"}
    accepted = inspect.signature(cls).parameters
    fallback: dict[str, Any] = {"T_max": steps, "max_lr": optimizer.param_groups[0]["lr"]}
    if "epochs" not in arguments:
        fallback["total_steps"] = steps
    for key, value in fallback.items():
        if key in accepted:
            arguments.setdefault(key, value)
    schedule: LRScheduler = cls(optimizer, **arguments)
    return schedule


def _tuple(value: Any) -> Any:
    """YAML has lists where optimizers want pairs."""
    return tuple(value) if isinstance(value, list) else value
