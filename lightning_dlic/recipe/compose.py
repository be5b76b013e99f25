"""Puts a recipe together: what it extends, its own file, overrides."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from lightning_dlic.bounded_yaml import MAX_BYTES
from lightning_dlic.recipe.document import Document, Keys, Where, merge, read, read_value
from lightning_dlic.recipe.errors import RecipeError, show
from lightning_dlic.recipe.find import find, shipped_folder
from lightning_dlic.recipe.given import COMMAND_LINE

# Recipes that a recipe extends, whether itself or through others.
_MOST = 100
_MOST_BYTES = 2 * MAX_BYTES
_KEY = re.compile(r"[^.\s=\[\]{}]+(\.[^.\s=\[\]{}]+)*")


def shown_path(path: Path) -> str:
    """A path as messages show it: relative where it lies below the working directory."""
    resolved, here = path.resolve(), Path().resolve()
    return str(resolved.relative_to(here)) if resolved.is_relative_to(here) else str(path)


def compose(path: Path) -> Document:
    """Reads a recipe and all it extends.

    Args:
        path: The recipe's file.

    Returns:
        The merged document: what is extended in its order, then the file itself. ``extends`` is gone from it.

    Raises:
        RecipeError: A file cannot be read or found, files extend each other in a circle, there are too many, or one
            lies elsewhere: not below the recipe's folder, nor below the working directory if the recipe does, nor among
            those that ship.
    """
    return _Composer(path).compose(path, ())


class _Composer:
    """Reads each file once, however often it is extended."""

    def __init__(self, path: Path) -> None:
        self.shown = shown_path(path)
        self.done: dict[Path, Document] = {}
        self.extended = self.bytes = 0
        folder, here = path.resolve().parent, Path().resolve()
        inside = [here] if folder.is_relative_to(here) else [folder]
        self.roots = [*inside, *(root.resolve() for root in [shipped_folder()] if root is not None)]

    def compose(self, path: Path, chain: tuple[Path, ...]) -> Document:
        own = read(path, shown_path(path))
        self.bytes += path.stat().st_size
        if self.bytes > _MOST_BYTES:
            raise RecipeError(f"and what it extends are more than {_MOST_BYTES // 1024} KiB", where=self.shown)
        here = own.marks.get(("extends",))
        chain = (*chain, path.resolve())
        merged = Document()
        for name in _extended(own):
            merge(merged, self._inherited(name, path.parent, here, chain))
        merge(merged, own)
        return merged

    def _inherited(self, name: str, folder: Path, here: Where | None, chain: tuple[Path, ...]) -> Document:
        self.extended += 1
        if self.extended > _MOST:
            raise RecipeError(f"{self.shown} extends more than {_MOST} recipes in all", where=here, key="extends")
        self._stay_inside(Path(os.path.normpath(folder.resolve() / name)), name, here)
        parent = find(name, beside=folder, where=here, key="extends")
        self._stay_inside(parent.resolve(), name, here)
        known = parent.resolve()
        if known in chain:
            circle = [shown_path(link) for link in (*chain[chain.index(known) :], parent)]
            hint = "Remove one of these from its extends."
            raise RecipeError(f"a circle: {' -> '.join(circle)}", where=here, key="extends", hint=hint)
        if known not in self.done:
            self.done[known] = self.compose(parent, chain)
            for own_alone in ("name", "number"):
                self.done[known].values.pop(own_alone, None)
        return self.done[known]

    def _stay_inside(self, path: Path, name: str, here: Where | None) -> None:
        """A recipe of somebody else's must not have this machine's files read and told about."""
        if any(path.is_relative_to(root) for root in self.roots):
            return
        hint = "Copy it there, or start in a folder that holds both, and say where this recipe is."
        raise RecipeError(f"{show(name)} lies outside {self.roots[0]}", where=here, key="extends", hint=hint)


def _extended(document: Document) -> list[str]:
    """Takes ``extends`` out of a document."""
    names: Any = document.values.pop("extends", None) or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        hint = "Write a list of files or shipped names: extends: [base/sr.yaml]"
        where = document.marks.get(("extends",))
        raise RecipeError(f"{show(names)} is not a list of recipes", where=where, key="extends", hint=hint)
    if len(names) > _MOST:
        where = document.marks.get(("extends",))
        raise RecipeError(f"more than {_MOST} recipes", where=where, key="extends")
    return names


def override(document: Document, text: str) -> None:
    """Sets one key from the command line.

    Args:
        document: What is changed, in place. A mapping merges; null empties a mapping.
        text: ``key=value``, the key dotted, the value as `read_value` has it.

    Raises:
        RecipeError: It is not of that form, or its key leads through something that is no mapping.
    """
    keys, value = _parse(text)
    node = document.values
    for depth, key in enumerate(keys[:-1], start=1):
        child = node.get(key)
        if child is not None and not isinstance(child, dict):
            place = ".".join(keys[:depth])
            hint = "Lists are replaced whole." if isinstance(child, list) else f"Set it as a mapping: {place}={{...}}"
            problem = f"{place} is {show(child)}, not a mapping"
            raise RecipeError(problem, where=COMMAND_LINE, key=".".join(keys), hint=hint)
        if child is None:
            break
        node = child
    merge(document, read_value(value, keys))


def _parse(text: str) -> tuple[Keys, str]:
    key, equals, value = text.partition("=")
    if key.startswith("--"):
        hint = f"Write {text.lstrip('-')}; in a W&B sweep use ${{args_no_hyphens}}."
        raise RecipeError("overrides take no hyphens", where=COMMAND_LINE, key=text, hint=hint)
    if not equals or not _KEY.fullmatch(key):
        hint = "Write key=value with a dotted key, such as trainer.max_steps=1000"
        raise RecipeError("not an override", where=COMMAND_LINE, key=show(text), hint=hint)
    if key.split(".")[0] == "extends":
        hint = "Make a file that extends what you want, and pass that."
        raise RecipeError("cannot be overridden", where=COMMAND_LINE, key=key, hint=hint)
    return tuple(key.split(".")), value
