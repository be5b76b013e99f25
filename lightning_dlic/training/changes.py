"""What a resumed run does otherwise than before: each key is applied, or refused with what to do."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dlic_registry import DlicError
from dlic_registry.terminal import command
from lightning_dlic.recipe import Recipe
from lightning_dlic.recipe.defaults import say, unsaid
from lightning_dlic.recipe.errors import show
from lightning_dlic.recipe.given import COMMAND_LINE
from lightning_dlic.recipe.trained import loss_specs
from lightning_dlic.stages.base import Stage
from lightning_dlic.training.places import placed
from lightning_dlic.training.resume import Point
from lightning_dlic.training.run import Run

_SHOWN = 12
_ABSENT = object()


@dataclass(frozen=True)
class Change:
    """A key whose value is another than that of the checkpoint.

    Attributes:
        key: Dotted key.
        old: Its value then.
        new: Its value now.
    """

    key: str
    old: Any
    new: Any

    @property
    def values(self) -> str:
        """The two values in words."""
        old, new = ("nothing" if value is _ABSENT else show(value) for value in (self.old, self.new))
        return f"{old} -> {new}"

    def __str__(self) -> str:
        return f"{self.key}: {self.values}"


def compare(old: Any, new: Any, key: str = "") -> Iterator[Change]:
    """The values of two resolved recipes that differ; mappings are gone through, all else is compared whole."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            below = f"{key}.{name}" if key else name
            yield from compare(old.get(name, _ABSENT), new.get(name, _ABSENT), below)
    elif old != new and not (_ABSENT in (old, new) and _nothing(old) and _nothing(new)):
        yield Change(key, old, new)


def _nothing(value: Any) -> bool:
    """Whether a value says no more than that its key is left out, as in a recipe of before the key existed."""
    return value is None or value is False or value is _ABSENT


def take_changes(recipe: Recipe, run: Run, point: Point) -> list[Change]:
    """Finds what a recipe says otherwise than the run it goes on with, and refuses what a run cannot change.

    Args:
        recipe: By which the run is to go on.
        run: The run. Its folder is what it is, whatever the recipe says.
        point: The checkpoint.

    Returns:
        The changes that hold from the next batch on.

    Raises:
        DlicError: A key that counts only at a run's start, or what its weights or length do not allow.
    """
    for key in ("run.root", "run.name"):
        if recipe.where(key) == COMMAND_LINE:
            raise recipe.error(key, "a resumed run stays in its folder", f"Leave it out; the folder is {run.folder}")
    kept = _keep_defaults(recipe, point)
    old = point.checkpoint["dlic"]["recipe"]
    new = placed(recipe).resolved()
    found = [change for change in compare(old, new) if change.key.split(".")[0] != "run" and change.key not in kept]
    for change in found:
        _refuse(recipe, run, change)
    if recipe.trainer.max_steps < point.batches:
        raise recipe.error(
            "trainer.max_steps",
            f"{recipe.trainer.max_steps}, but {point.path} has seen {point.batches} batches already",
            f"Give a larger one, or go back: {command('--resume', f'{run.folder}@STEP')}",
        )
    _check_lengths(recipe, found)
    return found


def _keep_defaults(recipe: Recipe, point: Point) -> set[str]:
    """Gives a silent recipe the defaults that the run began with; returns the keys of those that have changed."""
    kept: set[str] = set()
    now, then = unsaid(recipe), point.checkpoint["dlic"].get("defaults")
    if not isinstance(then, dict):
        _ask_for_features(recipe, now)
        return kept
    for key, was in then.items():
        here = now.get(key, {})
        if here.get("name") != was.get("name"):
            continue
        for name, old in was["args"].items():
            if name in here["args"] and here["args"][name] != old:
                say(recipe, f"{key}.{name}", old)
                kept.add(f"{key}.{name}")
                told = f"{key}.{name}: {show(old)}, as where the run began; by now the default is"
                warnings.warn(f"{told} {show(here['args'][name])}", stacklevel=4)
    return kept


def _ask_for_features(recipe: Recipe, now: dict[str, dict[str, Any]]) -> None:
    """The one default that changed before runs recorded theirs."""
    for key, loss in loss_specs(recipe):
        if loss["name"].rpartition(":")[2] == "perceptual" and "activated" in now[key]["args"]:
            hint = f"Say which it was: {key}.activated=false for runs of before that default, or {key}.activated=true"
            raise recipe.error(key, "the run does not record whether its features are activated", hint)


def tell_changes(changes: list[Change], batches: int) -> None:
    """Says what is changed, once all of it is taken."""
    if changes:
        shown = [str(change) for change in changes[:_SHOWN]] + ["..."] * (len(changes) > _SHOWN)
        warnings.warn(f"from batch {batches + 1} on: {'; '.join(shown)}", stacklevel=3)


def check_fit(recipe: Recipe, stage: Stage, run: Run, point: Point, changes: list[Change]) -> None:
    """Makes sure that a checkpoint's tensors are those of the stage as the recipe builds it.

    Raises:
        DlicError: They are not; the message names the arguments that changed.
    """
    saved, wanted = point.checkpoint["state_dict"], stage.state_dict()
    odd = [name for name in saved.keys() | wanted.keys() if _shape(saved, name) != _shape(wanted, name)]
    if not odd:
        return
    args = [change for change in changes if change.key.startswith(("stages.", "discriminator"))]
    if args:
        others = f" (and {', '.join(change.key for change in args[1:])})" if args[1:] else ""
        problem = f"{args[0].values}{others}, but the weights of the run do not fit that"
        raise recipe.error(args[0].key, problem, _new_run(recipe, run))
    name = min(odd)
    raise DlicError(
        f"{point.path}: its tensors are not those that the recipe's stage has now: {name} is "
        f"{_shape(saved, name)}, not {_shape(wanted, name)}.\nThe class may have changed since. {_new_run(recipe, run)}"
    )


def _shape(tensors: dict[str, Any], name: str) -> tuple[int, ...] | None:
    return tuple(tensors[name].shape) if name in tensors else None


def _refuse(recipe: Recipe, run: Run, change: Change) -> None:
    """Refuses what counts only where a run starts, and what makes it another one."""
    parts = change.key.split(".")
    if parts[0] == "train" or (parts[0] == "stages" and (len(parts) < 3 or parts[2] == "name")):
        raise recipe.error(change.key, f"{change.values}: that is another run", _new_run(recipe, run))
    if parts[0] == "stages" and parts[2] in ("init", "weights", "partial"):
        hint = f"{_new_run(recipe, run)}, or leave it as it was: {show(None if change.old is _ABSENT else change.old)}"
        raise recipe.error(change.key, "counts only where a run starts", hint)


def _new_run(recipe: Recipe, run: Run) -> str:
    return f"Start a new run instead; from the weights of this one by stages.{recipe.train[0]}.init={run.folder}"


def _check_lengths(recipe: Recipe, changes: list[Change]) -> None:
    """Refuses a longer run whose schedules have a length of their own that was not given anew."""
    keys = {change.key for change in changes}
    if "trainer.max_steps" not in keys:
        return
    steps = -(-recipe.trainer.max_steps // recipe.trainer.accumulate)
    for role, spec in recipe.optim.items():
        length = (spec.get("schedule") or {}).get("T_max")
        key = f"optim.{role}.schedule.T_max"
        if length is not None and length < steps and recipe.where(key) != COMMAND_LINE:
            raise recipe.error(
                key,
                f"{length} steps end before those of the longer run ({steps}), and the rate would climb again",
                f"Give it too: {key}={steps}, or {key}=null for the run's length",
            )
