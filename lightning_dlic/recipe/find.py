"""Finds a recipe's file: by path, or by the name of one that ships."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import takewhile
from pathlib import Path

from dlic_registry import suggest
from lightning_dlic.bounded_yaml import SUFFIXES
from lightning_dlic.recipe.errors import RecipeError, show

PIPELINES = "pipelines"
"""Folder of the pipelines among the recipes that ship; their names go without it."""
_SUFFIXES = ("", *SUFFIXES)


@cache
def shipped_folder() -> Path | None:
    """Folder of the recipes that ship.

    A wheel carries them inside the package; an editable install leaves them in the checkout, beside it.

    Returns:
        The folder, or None where there is none.
    """
    package = Path(str(files("lightning_dlic")))
    folders = (package / "recipes", package.parent / "recipes")
    return next((folder for folder in folders if (folder / "base" / "sr.yaml").is_file()), None)


def shipped_names() -> list[str]:
    """Names of the recipes that ship, such as ``quickstart`` or ``base/sr``; sweeps are not recipes."""
    folder = shipped_folder()
    if folder is None:
        return []
    paths = (path.relative_to(folder) for path in folder.rglob("*.yaml"))
    return sorted(path.with_suffix("").as_posix() for path in paths if path.parts[0] != "sweeps")


def shipped_summaries(pipelines: bool) -> dict[str, str]:
    """The first sentence of each recipe or pipeline that ships, by the name that finds it; what recipes extend is none.

    Args:
        pipelines: Pipelines rather than recipes.
    """
    folder, start = shipped_folder(), f"{PIPELINES}/"
    return {
        name.removeprefix(start): _first_sentence(folder / f"{name}.yaml")
        for name in shipped_names()
        if folder is not None and name.startswith(start) == pipelines and not name.startswith("base/")
    }


def _first_sentence(path: Path) -> str:
    """The first sentence of the comment that a file begins with."""
    lines = takewhile(lambda line: line.startswith("#"), path.read_text("utf-8").splitlines())
    comment = " ".join(line.lstrip("# ") for line in lines)
    return re.split(r"\.(?:\s|$)", comment, maxsplit=1)[0]


def split_step(text: str) -> tuple[str, int | None]:
    """A run's folder and the step behind an ``@``; None where no step is named.

    Args:
        text: A path, or ``RUN@STEP``.
    """
    folder, at, step = text.rpartition("@")
    if at and step.isascii() and step.isdecimal() and len(step) < 18 and not os.path.exists(text):
        return folder, int(step)
    return text, None


def find(name: str | Path, beside: Path | None = None, where: object = None, key: str = "") -> Path:
    """Finds the file of a recipe.

    Args:
        name: A path (``.yaml`` may be left out), or the name of a recipe that ships, with or without ``recipes/``.
        beside: Folder that relative paths start from; the working directory by default.
        where: Who asks, for the message.
        key: The key that asks, for the message.

    Returns:
        An existing file.

    Raises:
        RecipeError: There is none; the message names the nearest.
    """
    text = str(name)
    for candidate in _candidates(text, beside or Path()):
        # Unlike Path.is_file, this bears names that no file can have.
        if os.path.isfile(candidate):
            # What a link leads to counts: the lines of any other file are nobody's to read in a message.
            if candidate.resolve().suffix.lower() not in SUFFIXES:
                hint = "A recipe's file ends in .yaml."
                raise RecipeError(f"{show(text)} is no recipe", where=where, key=key, hint=hint)
            return candidate
    path = (beside or Path()) / text
    if os.path.isdir(path):
        inside = ", ".join(sorted(file.name for file in path.glob("*.y*ml"))) or "no recipes"
        raise RecipeError("is a folder, not a recipe", where=where, key=key or text, hint=f"In it: {inside}")
    if os.path.lexists(path):
        hint = "Give the recipe's file itself."
        raise RecipeError(f"{show(text)} is no regular file", where=where, key=key, hint=hint)
    raise RecipeError(f"no recipe {text!r}", where=where, key=key, hint=_remedy(text, path.parent))


def _candidates(text: str, folder: Path) -> Iterator[Path]:
    # A bare word means a recipe that ships, whatever else lies around; a path means the file.
    suffixes = _SUFFIXES if "/" in text else _SUFFIXES[:1]
    yield from (folder / f"{text}{suffix}" for suffix in suffixes)
    shipped = shipped_folder()
    if shipped is not None and not Path(text).is_absolute():
        for room in (shipped, shipped / PIPELINES):
            yield from (room / f"{text.removeprefix('recipes/')}{suffix}" for suffix in _SUFFIXES)


def _remedy(text: str, folder: Path) -> str:
    """The nearest of that folder and of those that ship, spelled the way the user spells."""
    start = text[: text.rfind("/") + 1]
    suffix = Path(text).suffix if Path(text).suffix in _SUFFIXES else ""
    names = shipped_names()
    # What ships is found by its path and, in the folder of pipelines, by its name alone.
    short = [*names, *(name.removeprefix(f"{PIPELINES}/") for name in names)]
    spelled = {f"recipes/{name}" if start.startswith("recipes/") else name: name for name in short}
    if os.path.isdir(folder):
        spelled.update({f"{start}{file.stem}": file.stem for file in folder.glob("*.y*ml")})
    near = suggest(text.removesuffix(suffix), spelled)
    meant = f"Did you mean {near + suffix!r}?" if near else "Give a path, or the name of a recipe that ships."
    return f"{meant}\nThose that ship: dlic list recipe, dlic list pipeline."
