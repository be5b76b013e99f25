"""Optimizers and schedules of a stage's roles, built from registered names."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler

from dlic_registry import load
from lightning_dlic.stages.settings import Spec


def build_optimizer(spec: Spec, parameters: Iterable[tuple[str, torch.nn.Parameter]]) -> torch.optim.Optimizer:
    """Builds an optimizer.

    Args:
        spec: ``{"name": ..., "lr": ..., ...}``; a ``schedule`` in it is left alone. ``groups`` gives parameters whose
            names match a pattern arguments of their own: ``{"last": {"match": "tail.*", "lr": ...}}``. A parameter
            belongs to the first group that it matches.
        parameters: What it optimises, by name.

    Returns:
        The optimizer; its first group is of the parameters that match none, where there are such.

    Raises:
        ValueError: A group matches no parameter.
    """
    arguments = _arguments(spec, "name", "schedule", "groups")
    groups: Mapping[str, Spec] = spec.get("groups") or {}
    members: dict[str, list[torch.nn.Parameter]] = {group: [] for group in ("", *groups)}
    known = list(parameters)
    for name, parameter in known:
        members[next((group for group in groups if _matches(name, groups[group]["match"])), "")].append(parameter)
    for group, spec_of in groups.items():
        if not members[group]:
            names = ", ".join(name for name, _ in known[:12]) + ", ..." * (len(known) > 12)
            raise ValueError(f"groups.{group}: nothing matches {spec_of['match']!r}\nParameters left to it: {names}")
    sets = [{"params": members[group], **_arguments(groups.get(group, {}), "match")} for group in members]
    optimizer: torch.optim.Optimizer = load("optimizer", spec["name"], own_first=True)(
        [s for s in sets if s["params"]], **arguments
    )
    return optimizer


def _arguments(spec: Spec, *aside: str) -> dict[str, Any]:
    return {key: _tuple(value) for key, value in spec.items() if key not in aside}


def _matches(name: str, patterns: str | list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in ([patterns] if isinstance(patterns, str) else patterns))


def build_schedule(spec: Spec, optimizer: torch.optim.Optimizer, steps: int) -> LRScheduler:
    """Builds a learning-rate schedule that is stepped once an optimizer step.

    Args:
        spec: ``{"name": ..., ...}``.
        optimizer: Whose learning rate it sets.
        steps: Optimizer steps of the whole run. Schedules that need a length (``T_max``, ``total_steps``) or a peak
            (``max_lr``) and are given none take the run's and the optimizer's.

    Returns:
        The schedule.

    Raises:
        ValueError: It refuses a value, or ends before the run.
    """
    cls = load("schedule", spec["name"], own_first=True)
    arguments = {key: value for key, value in spec.items() if key != "name"}
    accepted = inspect.signature(cls).parameters
    peaks = [group["lr"] for group in optimizer.param_groups]
    fallback: dict[str, Any] = {"T_max": steps, "max_lr": peaks if len(peaks) > 1 else peaks[0]}
    if "epochs" not in arguments:
        fallback["total_steps"] = steps
    for key, value in fallback.items():
        if key in accepted and arguments.get(key) is None:
            arguments[key] = value
    schedule: LRScheduler = cls(optimizer, **arguments)
    end = getattr(schedule, "total_steps", steps)
    if end < steps:
        raise ValueError(
            f"schedule {spec['name']} ends after {end} steps, but the run takes {steps}\n"
            "Leave its length out, and the run's fills it in"
        )
    return schedule


def steps_between(done: int, end: int, accumulate: int) -> int:
    """Optimizer steps of the batches after ``done``, up to and with ``end``, after which an optimizer steps anyway."""
    if done >= end:
        return 0
    return end // accumulate - done // accumulate + (end % accumulate > 0)


def _tuple(value: Any) -> Any:
    """YAML has lists where optimizers want pairs."""
    return tuple(value) if isinstance(value, list) else value
