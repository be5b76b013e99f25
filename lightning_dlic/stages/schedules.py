"""Learning-rate schedules: how one is built for a run of a length, and those that PyTorch has not."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from collections.abc import Sequence as Several
from itertools import accumulate
from typing import Annotated, Any

from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from dlic_registry import Component, load
from lightning_dlic.stages.settings import Spec

Parts = Annotated[Mapping[str, Any], Component("schedule", ("optimizer",), several=True, aside=("steps",))]


def build_schedule(spec: Spec, optimizer: Optimizer, steps: int, sign: int = 1, *, part: bool = False) -> LRScheduler:
    """Builds a learning-rate schedule, stepped once an optimizer step; one that wants figures, after validations.

    Args:
        spec: ``{"name": ..., ...}``.
        optimizer: Whose learning rate it sets.
        steps: Optimizer steps of the whole run. Schedules that need a length (``T_max``, ``total_steps``) or a rate
            (``max_lr``, ``base_lr``) and are given none take the run's and the optimizer's.
        sign: Which way the figure that is followed is better: 1 where more is.
        part: Whether it is one of several, whose length is all it lasts.

    Returns:
        The schedule.

    Raises:
        ValueError: It refuses a value, or ends before the run.
    """
    cls = load("schedule", spec["name"], own_first=True)
    arguments = {key: value for key, value in spec.items() if key != "name"}
    accepted = inspect.signature(cls).parameters
    for key, value in _filled(cls, optimizer, steps, sign, part).items():
        if key in accepted and arguments.get(key) is None and not (key == "total_steps" and "epochs" in arguments):
            arguments[key] = value
    schedule: LRScheduler = cls(optimizer, **arguments)
    end = getattr(schedule, "total_steps", steps)
    if end < steps:
        raise ValueError(
            f"schedule {spec['name']} ends after {end} steps, but the run takes {steps}\n"
            "Leave its length out, and the run's fills it in"
        )
    return schedule


def _filled(cls: type[Any], optimizer: Optimizer, steps: int, sign: int, part: bool) -> dict[str, Any]:
    """What a run and its optimizer say where a recipe does not."""
    rates = [group["lr"] for group in optimizer.param_groups]
    rate = rates if len(rates) > 1 else rates[0]
    filled: dict[str, Any] = {"T_max": steps, "total_steps": steps}
    filled["base_lr" if issubclass(cls, lr_scheduler.CyclicLR) else "max_lr"] = rate
    if part or issubclass(cls, lr_scheduler.PolynomialLR):
        # PyTorch's own is 5 steps.
        filled["total_iters"] = steps
    if issubclass(cls, lr_scheduler.ReduceLROnPlateau):
        filled["mode"] = "max" if sign > 0 else "min"
    return filled


class Sequence(lr_scheduler.SequentialLR):
    """One schedule after the other, such as a warm-up and what follows it."""

    def __init__(self, optimizer: Optimizer, parts: Parts, total_steps: int) -> None:
        """Builds the schedule.

        Args:
            optimizer: Whose learning rate it sets.
            parts: Schedules by name with their arguments, or by any key with the ``name`` among them; all but the last
                say how many ``steps`` they last, below 1 as a share of the run.
            total_steps: Optimizer steps of the run.

        Raises:
            ValueError: A part but the last does not say how long it lasts, or nothing is left for the last.
        """
        specs = _specs(parts)
        lengths = [_length(key, spec, total_steps) for key, spec in list(specs.items())[:-1]]
        left = total_steps - sum(lengths)
        if left < 1:
            raise ValueError(
                f"schedule sequence: its first parts take {sum(lengths)} steps, the whole run {total_steps}"
            )
        built = [_part(optimizer, spec, length) for spec, length in zip(specs.values(), [*lengths, left], strict=True)]
        super().__init__(optimizer, built, list(accumulate(lengths)))


class Chained(lr_scheduler.ChainedScheduler):
    """Several schedules at once, whose factors multiply."""

    def __init__(self, optimizer: Optimizer, parts: Parts, total_steps: int) -> None:
        """Builds the schedule.

        Args:
            optimizer: Whose learning rate it sets.
            parts: Schedules by name with their arguments, or by any key with the ``name`` among them. One
                with ``steps`` has that length.
            total_steps: Optimizer steps of the run.

        Raises:
            ValueError: There are none.
        """
        specs = _specs(parts)
        lengths = [_length(k, s, total_steps) if "steps" in s else total_steps for k, s in specs.items()]
        super().__init__([_part(optimizer, s, n) for s, n in zip(specs.values(), lengths, strict=True)], optimizer)


def _specs(parts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    specs = {key: {"name": key, **spec} for key, spec in parts.items() if spec is not None}
    if not specs:
        raise ValueError("parts: there must be at least one")
    return specs


def _length(key: str, spec: Mapping[str, Any], total: int) -> int:
    """Steps that a part lasts."""
    steps = spec.get("steps")
    if isinstance(steps, bool) or not isinstance(steps, int | float) or steps <= 0:
        raise ValueError(f"parts.{key}: say how long it lasts: steps: 1000, or steps: 0.05 of the run; not {steps!r}")
    return max(1, round(steps * total)) if steps < 1 else int(steps)


def _part(optimizer: Optimizer, spec: Mapping[str, Any], steps: int) -> LRScheduler:
    if load("schedule", spec["name"], own_first=True) in (lr_scheduler.OneCycleLR, lr_scheduler.ReduceLROnPlateau):
        raise ValueError(f"schedule {spec['name']} stands by itself: it cannot be one of several")
    return build_schedule({k: v for k, v in spec.items() if k != "steps"}, optimizer, steps, part=True)


# Of the run: the more is done, the shorter the next stretch.
SHARES = (0.5, 0.8, 0.9, 0.95)


class Halved(lr_scheduler.MultiStepLR):
    """Multiplies the rate, halving it by default, at shares of the run, whatever its length."""

    def __init__(self, optimizer: Optimizer, total_steps: int, at: Several[float] = SHARES, gamma: float = 0.5) -> None:
        """Builds the schedule.

        Args:
            optimizer: Whose learning rate it sets.
            total_steps: Optimizer steps of the run.
            at: Shares of them, between 0 and 1.
            gamma: By what the rate is multiplied at each.

        Raises:
            ValueError: A share is not between 0 and 1.
        """
        if not all(0.0 < share < 1.0 for share in at):
            raise ValueError(f"at must be shares of the run, between 0 and 1, not {list(at)}")
        super().__init__(optimizer, [round(share * total_steps) for share in at], gamma)
