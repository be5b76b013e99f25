"""``dlic fit`` (and ``dlic-fit``): train by recipe."""

from __future__ import annotations

import logging
import os
import signal
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlic_registry import DlicError
from dlic_registry.terminal import command, say
from lightning_dlic.cli.plugins import Plugins

if TYPE_CHECKING:
    from lightning_dlic.training.target import Target


def fit(
    recipe: Annotated[
        str | None, typer.Argument(help="Recipe: a path, or a name of dlic list recipe, such as quickstart.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Values in place of the recipe's: trainer.max_steps=1000 ...")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(help="Go on with a run: its folder, FOLDER@STEP, or latest. Needs no recipe.")
    ] = None,
    print_recipe: Annotated[
        bool, typer.Option("--print-recipe", help="Print the recipe as resolved, check it, train nothing.")
    ] = False,
    plugin: Plugins = None,
) -> None:
    """Train the stages of a recipe."""
    from lightning_dlic.recipe import check, load_recipe, missing_weights, to_yaml

    words = list(overrides or [])
    if recipe is not None and resume is not None and "=" in recipe:
        words.insert(0, recipe)
        recipe = None
    if recipe is None and resume is None:
        raise DlicError("which recipe? dlic-fit RECIPE [key=value ...], or dlic-fit --resume RUN")
    warnings.showwarning = _note  # type: ignore[assignment]
    target = None if resume is None else _target(resume, recipe, words)
    loaded = load_recipe(recipe or _recipe_of(target), words)
    loaded.plugins = list(dict.fromkeys([*loaded.plugins, *(plugin or [])]))
    if resume is None:
        # Before Lightning is imported: a mistyped name should not take ten seconds to be told.
        check(loaded, weights=not print_recipe)
    if print_recipe:
        for problem in missing_weights(loaded):
            say(f"note: {problem}", err=True, lines=True)
        say(to_yaml(loaded), end="", lines=True)
        return
    # It tells at its import what a read-only home keeps it from; we draw nothing with it here.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from lightning_dlic.training.fit import fit as train
    from lightning_dlic.training.launch import is_first_rank, ranks

    result = train(loaded, target)
    if result.figures is not None:
        if result.stopped is not None:
            say(f"ended after batch {result.batches} of {loaded.trainer.max_steps}: {result.stopped}")
        say(f"run: {result.run.folder}")
    elif result.stopped is not None and result.signal is None:
        return
    elif result.signal is not None or result.batches < loaded.trainer.max_steps:
        again = command("dlic-fit", "--resume", result.run.folder)
        if is_first_rank(ranks(loaded.trainer)):
            say(f"stopped after batch {result.batches}" + (f"; go on with: {again}" if result.batches else ""))
        raise typer.Exit(128 + (result.signal or signal.SIGINT))


def _target(resume: str, recipe: str | None, words: list[str]) -> Target:
    """The run to go on with; ``latest`` is looked for among those of the recipe, and below ``run.root``."""
    from lightning_dlic.recipe import load_recipe
    from lightning_dlic.training.target import LATEST, find_target

    if resume.partition("@")[0] != LATEST:
        return find_target(resume)
    named = [word for word in words if word.startswith("run.root=")]
    words[:] = [word for word in words if word not in named]
    if recipe is not None:
        loaded = load_recipe(recipe, named)
        return find_target(resume, Path(loaded.run.root) / loaded.name)
    return find_target(resume, Path(named[-1].partition("=")[2] if named else "runs"))


def _recipe_of(target: Target | None) -> Path:
    """The resolved recipe of a run."""
    assert target is not None
    path = target.run.recipe
    if not path.is_file() or not path.stat().st_size:
        from lightning_dlic.training.resume import restore_recipe

        restore_recipe(target)
    return path


def _note(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object) -> None:
    """Shows our own warnings as notes, without the source line, once for all processes; drops those of libraries."""
    if ("lightning_dlic" in filename or "dlic_" in filename) and os.environ.get("LOCAL_RANK", "0") == "0":
        say(f"note: {message}", err=True, lines=True)
