"""Optimizers of a stage's roles, built from registered names."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import torch

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
        ValueError: A group matches no parameter, or has a negative rate.
    """
    arguments = _arguments(spec, "name", "schedule", "groups")
    groups: Mapping[str, Spec] = spec.get("groups") or {}
    for group, spec_of in groups.items():
        # Of groups optimizers check nothing.
        if isinstance(rate := spec_of.get("lr", 0.0), int | float) and not rate >= 0:
            raise ValueError(f"groups.{group}: Invalid learning rate: {rate}")
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


def counters(optimizer: torch.optim.Optimizer) -> list[str]:
    """What an optimizer counts in its groups, beside the values that it is built with: schedule-free ones do."""
    built_with = inspect.signature(type(optimizer)).parameters
    return [key for key in optimizer.defaults if key not in built_with]


def steps_between(done: int, end: int, accumulate: int) -> int:
    """Optimizer steps of the batches after ``done``, up to and with ``end``, after which an optimizer steps anyway."""
    if done >= end:
        return 0
    return end // accumulate - done // accumulate + (end % accumulate > 0)


def _arguments(spec: Spec, *aside: str) -> dict[str, Any]:
    return {key: _tuple(value) for key, value in spec.items() if key not in aside}


def _matches(name: str, patterns: str | list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in ([patterns] if isinstance(patterns, str) else patterns))


def _tuple(value: Any) -> Any:
    """YAML has lists where optimizers want pairs."""
    return tuple(value) if isinstance(value, list) else value
