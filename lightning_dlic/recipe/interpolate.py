"""What a recipe's interpolations may say, and how much they may stand for.

A short chain of keys that name one another ten times each stands for gigabytes. So what they come to is reckoned before
any is resolved; that needs keys and resolvers to be written out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from lightning_dlic.recipe.document import Keys
from lightning_dlic.recipe.errors import RecipeError, show

Fail = Callable[[Keys, str, str], RecipeError]
_MOST = 1 << 17
# What resolving one costs beside its text.
_EACH = 64
_DEPTH = 4
_RESOLVERS = ("oc.env", "oc.decode", "oc.select")
# An interpolation up to its key or its resolver's first argument; an odd number of backslashes before makes it text.
_OPEN = re.compile(r"(?P<text>\\*)\$\{\s*(?:(?P<resolver>[\w.]+)\s*:)?\s*(?P<key>\.*[^\s,:{}$]*)(?P<inner>\s*\$\{)?")


def reckon(values: dict[str, Any], fail: Fail) -> None:
    """Refuses interpolations that could stand for more than anybody writes.

    Args:
        values: A composed recipe.
        fail: Makes the error at a key, of problem and remedy.

    Raises:
        RecipeError: A text interpolates what is not written out, or all of them together come to too much.
    """
    try:
        _Reckoner(values, fail).at(())
    except RecursionError as error:
        raise fail((), "interpolates in a circle, or nearly so", "Name the keys themselves.") from error


def is_index(key: str) -> bool:
    """Whether a key is the number of a list's item."""
    return re.fullmatch("[0-9]{1,9}", key) is not None


class _Reckoner:
    def __init__(self, values: dict[str, Any], fail: Fail) -> None:
        self.values = values
        self.fail = fail
        self.known: dict[Keys, int] = {}

    def at(self, keys: Keys) -> int:
        """Characters that a key comes to, one more for each value."""
        if keys in self.known:
            return self.known[keys]
        # A circle is OmegaConf's to tell.
        self.known[keys] = 0
        value: Any = self.values
        for depth, key in enumerate(keys):
            if isinstance(value, str):
                return self.at(keys[:depth])
            if isinstance(value, list) and is_index(key) and int(key) < len(value):
                value = value[int(key)]
            else:
                value = value.get(key) if isinstance(value, dict) else None
        self.known[keys] = total = self._of(value, keys)
        if total > _MOST:
            raise self.fail(keys, "interpolates into too much", f"Its values would be over {_MOST:,} characters long.")
        return total

    def _of(self, value: Any, keys: Keys) -> int:
        if isinstance(value, dict):
            return 1 + sum(self.at((*keys, key)) for key in value)
        if isinstance(value, list):
            return 1 + sum(self.at((*keys, str(index))) for index in range(len(value)))
        if not isinstance(value, str) or "${" not in value:
            return 1
        if _nesting(value) > _DEPTH:
            raise self.fail(keys, f"{show(value)} interpolates too deeply", "")
        return len(value) + sum(_EACH + self._one(found, value, keys) for found in _OPEN.finditer(value))

    def _one(self, found: re.Match[str], value: str, keys: Keys) -> int:
        resolver, key = found["resolver"], found["key"]
        if len(found["text"]) % 2:
            return 0
        if resolver is not None and resolver not in _RESOLVERS:
            there = "There are oc.env, oc.decode and oc.select."
            raise self.fail(keys, f"{show(value)} calls an unknown resolver", there)
        of_environment = value[found.end() :].lstrip().startswith("oc.env")
        if (found["inner"] or resolver == "oc.decode") and not (resolver == "oc.decode" and of_environment):
            raise self.fail(keys, f"{show(value)} interpolates what is not written out", "Name the key itself.")
        if resolver == "oc.env":
            return len(os.environ.get(key, ""))
        return self.at(_absolute(key, keys)) if key else 0


def _absolute(key: str, keys: Keys) -> Keys:
    """A key as interpolations name it, from the top; leading dots start from where it stands."""
    name = key.lstrip(".")
    above = keys[: max(0, len(keys) - (len(key) - len(name)))] if key.startswith(".") else ()
    return (*above, *(part for part in name.replace("[", ".").replace("]", "").split(".") if part))


def _nesting(value: str) -> int:
    depth = most = 0
    for brace in re.findall(r"\$\{|\}", value):
        depth = max(0, depth + (1 if brace == "${" else -1))
        most = max(most, depth)
    return most
