"""Going on with a run: from which checkpoint, and what of its folder changes once it does."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from dlic_datamodules.files import write_file
from dlic_registry import DlicError
from dlic_registry.terminal import command
from lightning_dlic.recipe import Recipe, to_yaml
from lightning_dlic.recipe.load import as_yaml
from lightning_dlic.stages.base import Stage
from lightning_dlic.training.best import Best
from lightning_dlic.training.checkpoint_file import give_second_name
from lightning_dlic.training.places import placed
from lightning_dlic.training.provenance import CheckpointError, circumstances, read_checkpoint
from lightning_dlic.training.run import Run
from lightning_dlic.training.target import Target, kept_steps
from lightning_dlic.zoo import inspect_net


@dataclass(frozen=True)
class Point:
    """Where a run goes on.

    Attributes:
        path: The checkpoint.
        checkpoint: Its content.
    """

    path: Path
    checkpoint: dict[str, Any]

    @property
    def batches(self) -> int:
        """Batches done there."""
        return int(self.checkpoint["dlic_batches"])


def choose(target: Target, key: str = "--resume") -> Point:
    """Reads the checkpoint to go on from: the one asked for, or the newest whose every byte is right.

    Args:
        target: The run, and perhaps the step.
        key: Who asks, for messages.

    Raises:
        DlicError: That one, or every one, is damaged; the message says how.
    """
    run, damaged = target.run, []
    steps = [target.step] if target.step is not None else kept_steps(run)[::-1]
    paths = [step_path(run, step) for step in steps]
    if target.step is None and run.last.is_file() and not any(run.last.samefile(path) for path in paths):
        # A copy of the newest, where there are no hard links.
        paths.insert(1, run.last)
    for path in paths:
        try:
            point = Point(path, read_checkpoint(path))
        except CheckpointError as error:
            damaged.append(str(error))
            continue
        if damaged:
            warnings.warn("; ".join([*damaged, f"going on from {path}"]), stacklevel=2)
        return point
    raise DlicError("\n".join([f"{key}: {damaged[0]}", *damaged[1:3], _remedy(target)]))


def _remedy(target: Target) -> str:
    run = target.run
    if target.step is not None:
        others = [step for step in kept_steps(run) if step != target.step]
        if others:
            return f"It has others: {command('--resume', f'{run.folder}@{others[-1]}')}"
    weights = next(iter(run.kept_weights()), None)
    if weights is None:
        return f"Nothing else is left of it: start anew from {run.recipe}"
    return f"Start a new run from its weights: {command('dlic-fit', run.recipe, f'stages.KIND.init={weights}')}"


def restore_recipe(target: Target) -> None:
    """Writes the recipe of a run that has lost it, as a full disk once left it empty, from its checkpoint."""
    recipe, point = target.run.recipe, choose(target)
    warnings.warn(f"{recipe}: missing or empty; taken from {point.path}", stacklevel=2)
    write_file(recipe, as_yaml(point.checkpoint["dlic"]["recipe"]).encode())


def _unused(folder: Path) -> Path:
    """The name, or else the first numbered one, that nothing has yet."""
    numbered = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
    return next(name for name in chain([folder], numbered) if not name.exists())


def step_path(run: Run, batches: int) -> Path:
    """The checkpoint saved after so many batches."""
    return run.checkpoints / f"step-{batches:08d}.ckpt"


class Begin(pl.Callback):
    """Changes the folder of a resumed run when its training starts, and not before: a failed attempt leaves it be."""

    def __init__(self, run: Run, point: Point, recipe: Recipe, batch_size: int) -> None:
        """Creates the callback.

        Args:
            run: The run.
            point: Where it goes on.
            recipe: By which it goes on.
            batch_size: Pictures a batch and device.
        """
        self.run, self.point = run, point
        self.recipe, self.accumulate = to_yaml(placed(recipe)), recipe.trainer.accumulate
        self.batch_size = batch_size

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Writes the recipe, puts away what lies ahead of the checkpoint, says what is no longer as it was."""
        assert isinstance(pl_module, Stage)
        if not trainer.is_global_zero:
            return
        self._tell(trainer)
        run = self.run
        # Of an attempt that was killed while it wrote: the folder is ours alone.
        for leftover in run.folder.rglob(".dlic-*.part"):
            leftover.unlink(missing_ok=True)
        later = [step for step in kept_steps(run) if step > self.point.batches]
        aside = _unused(run.folder / f"until-{later[-1]:08d}") if later else None
        # What a full disk may refuse comes first: copies, the recipe, and only then what is moved.
        if aside is not None:
            self._forget_best(trainer)
            aside.mkdir()
            for path in (run.metrics, run.recipe, run.result, *run.kept_weights()):
                if path.is_file():
                    copy = aside / path.relative_to(run.folder)
                    copy.parent.mkdir(exist_ok=True)
                    shutil.copy2(path, copy)
        if not run.recipe.is_file() or run.recipe.read_text(encoding="utf-8") != self.recipe:
            write_file(run.recipe, self.recipe.encode())
        self._put_away(aside, later)

    def _forget_best(self, trainer: pl.Trainer) -> None:
        """Looks for the best anew where the one on the disk is of a course that is left."""
        try:
            steps = int(inspect_net(self.run.best).get("steps", 0))
        except DlicError:
            return
        if steps > self.point.batches:
            for callback in trainer.callbacks:  # type: ignore[attr-defined]
                if isinstance(callback, Best):
                    callback.best = float("-inf")

    def _put_away(self, aside: Path | None, later: list[int]) -> None:
        """Moves checkpoints of later batches out of the way."""
        run = self.run
        if aside is not None:
            for step in later:
                step_path(run, step).replace(aside / step_path(run, step).name)
            warnings.warn(f"what was trained after batch {self.point.batches} lies in {aside}", stacklevel=2)
        if not run.last.is_file() or not run.last.samefile(self.point.path):
            give_second_name(self.point.path, run.last)

    def _tell(self, trainer: pl.Trainer) -> None:
        made = self.point.checkpoint["dlic"]
        before, now = made.get("circumstances"), circumstances(trainer)
        if before is None:
            return
        told = [f"{key} {before.get(key)} -> {value}" for key, value in now.items() if before.get(key) != value]
        if told:
            warnings.warn(
                f"trained on other machinery than before ({', '.join(told)}): sums round differently, so the weights "
                "will not be those of an undisturbed run to the last bit",
                stacklevel=2,
            )
        sizes = (
            (before["devices"], made["recipe"]["trainer"]["accumulate"], made["batch_size"]),
            (now["devices"], self.accumulate, self.batch_size),
        )
        was, new = (a * b * c for a, b, c in sizes)
        were, are = before["devices"] * made["batch_size"], now["devices"] * self.batch_size
        if were != are:
            warnings.warn(
                f"a batch has {are} pictures on all devices together, not {were} as before: they go on as those of a "
                f"run that began so, and some {'come again' if are < were else 'are left out'}",
                stacklevel=2,
            )
        if was != new:
            factors = [" x ".join(map(str, size)) for size in sizes]
            warnings.warn(
                f"an optimizer step sees {new} pictures, not {was} as before "
                f"(devices x accumulate x batch size: {factors[1]}, not {factors[0]}); the rate is for you to suit",
                stacklevel=2,
            )
