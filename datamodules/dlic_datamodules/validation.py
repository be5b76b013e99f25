"""Several sets to validate on: by name, one picture of each in turn."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dlic_datamodules.errors import DataError, printable

__all__ = ["OWN", "Rounds", "ValidSets", "named", "valid_sets"]

ValidSets = Mapping[str, str | list[str]]
OWN = "valid"
"""What the set's own validation part is called beside the named ones."""

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,60}")
_TAKEN = (OWN, "train", "test")


def valid_sets(given: ValidSets | None) -> dict[str, list[str]]:
    """Checks names and roots of further validation sets.

    Raises:
        DataError: A name is taken or none, or a set has no root.
    """
    found = {}
    for name, roots in (given or {}).items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in _TAKEN:
            raise DataError(
                f"data.args.valid_sets: {printable(str(name))!r} cannot name a set\n"
                f"Letters, digits, . _ and - can, but not {', '.join(_TAKEN)}"
            )
        found[name] = [roots] if isinstance(roots, str) else list(roots or [])
        if not found[name] or "" in found[name]:
            raise DataError(f"data.args.valid_sets.{name} names no folder\nGive a folder, a list or a pattern")
    return found


def named(batches: Iterator[Any], name: str) -> Iterator[Any]:
    """The same batches, each with the name of its set."""
    return ({**batch, "set": name} for batch in batches)


class Rounds:
    """Batches of several loaders, one of each in turn, so that the first so many are of all of them.

    Args:
        loaders: Name of a set and its loader; the set's own part, `OWN`, goes without a name.
    """

    def __init__(self, loaders: Sequence[tuple[str, Any]]) -> None:
        self.loaders = list(loaders)

    def __len__(self) -> int:
        return sum(len(loader) for _, loader in self.loaders)

    def __iter__(self) -> Iterator[Any]:
        waiting = [iter(loader) if name == OWN else named(iter(loader), name) for name, loader in self.loaders]
        while waiting:
            for batches in list(waiting):
                try:
                    yield next(batches)
                except StopIteration:
                    waiting.remove(batches)
