"""Entries of installed distributions, from their metadata alone."""

import os
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from dlic_registry.entry import Entry
from dlic_registry.errors import reason
from dlic_registry.sources import docstring_line

if TYPE_CHECKING:
    from importlib.metadata import Distribution

GROUP = "lightning_dlic."
OWN = "lightning-dlic"
OWN_PACKAGES = ("dlic_registry", "dlic_datamodules", "lightning_dlic")

_TOLD: set[str] = set()


def normalize(distribution: str) -> str:
    """A distribution's name as PyPA compares names: ``Acme.SR`` and ``acme-sr`` are one."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


@dataclass(frozen=True)
class _Facts:
    """What a distribution says of itself, read once."""

    name: str
    version: str
    summary: str


def installed(kind: str | None = None) -> list[Entry]:
    """Entries of all installed distributions, or those of one kind, in the order of the import path."""
    return list(_read(kind, _state()))


def _state() -> tuple[tuple[str, str, int], ...]:
    """What tells whether anything has been installed since: the folders looked through, and when they changed last."""
    return tuple((place, os.getcwd() if not place else "", _changed(place or ".")) for place in sys.path)


def _changed(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0


# A search for one file looks names up a hundred times, and each look reads the metadata of all that is installed.
@lru_cache(maxsize=32)
def _read(kind: str | None, state: tuple[tuple[str, str, int], ...]) -> list[Entry]:
    found: list[Entry] = []
    for distribution, facts in _distributions():
        try:
            found += _entries(distribution, facts, kind)
        except Exception as error:
            # What cannot be read belongs to one distribution; the others still work.
            _complain(f"the entry points of {facts.name} are unreadable", error)
    return list(dict.fromkeys(found))


def _complain(what: str, error: Exception) -> None:
    """Says it once: names are looked up many times."""
    message = f"{what}, so its plug-ins are left out: {reason(error)}"
    if message not in _TOLD:
        _TOLD.add(message)
        warnings.warn(message, stacklevel=2)


def _distributions() -> Iterator[tuple["Distribution", _Facts]]:
    # Imported here because it costs more than the whole rest of the registry.
    from importlib import metadata

    seen: set[str] = set()
    for candidate in metadata.distributions():
        if not _names_ours(candidate):
            continue
        facts = _facts(candidate)
        if facts is None or normalize(facts.name) in seen:
            continue
        seen.add(normalize(facts.name))
        # The same distribution may lie on the path twice (editable and wheel): the first one is what imports see,
        # even where it names nothing of ours any more.
        try:
            first = metadata.distribution(facts.name)
        except (metadata.PackageNotFoundError, ValueError):
            # Its folder is not called as it calls itself; only a walk such as this one finds it.
            yield candidate, facts
        else:
            yield first, _facts(first) or facts


def _names_ours(distribution: "Distribution") -> bool:
    # A look at the text, because parsing the entry points of everything installed would take longer.
    try:
        return f"[{GROUP}" in (distribution.read_text("entry_points.txt") or "")
    except (OSError, UnicodeDecodeError):
        return False


def _facts(distribution: "Distribution") -> _Facts | None:
    """Name, version and summary; None where the metadata are damaged, which Python versions tell in many ways."""
    where = str(getattr(distribution, "_path", "")).rpartition(os.sep)[2] or "a distribution"
    try:
        metadata = distribution.metadata
        name, version = metadata["Name"], metadata["Version"]
        lines = str(metadata.get_all("Summary", [""])[0]).splitlines()
    except Exception as error:
        _complain(f"the metadata of {where} are unreadable", error)
        return None
    return _Facts(str(name), str(version or ""), lines[0] if lines else "") if name else None


def _entries(distribution: "Distribution", facts: _Facts, kind: str | None) -> list[Entry]:
    own = normalize(facts.name) == OWN
    found = []
    for point in distribution.entry_points:
        prefix, _, its_kind = point.group.partition(GROUP)
        if not prefix and its_kind and kind in (None, its_kind):
            summary = _own_summary(point.value) if own else facts.summary
            found.append(Entry(its_kind, point.name, point.value, facts.name, facts.version, summary))
    return found


def _own_summary(target: str) -> str:
    line = docstring_line(target) if target.partition(".")[0] in OWN_PACKAGES else None
    return line or target.replace(":", ".")
