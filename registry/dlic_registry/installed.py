"""Entries of installed distributions, from their metadata alone."""

import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dlic_registry.entry import Entry
from dlic_registry.sources import docstring_line

if TYPE_CHECKING:
    from importlib.metadata import Distribution

GROUP = "lightning_dlic."
OWN = "lightning-dlic"
OWN_PACKAGES = ("dlic_registry", "dlic_datamodules", "lightning_dlic")


def normalize(distribution: str) -> str:
    """A distribution's name as PyPA compares names: ``Acme.SR`` and ``acme-sr`` are one."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def installed(kind: str | None = None) -> list[Entry]:
    """Entries of all installed distributions, or those of one kind, in the order of the import path."""
    found: list[Entry] = []
    for distribution in _distributions():
        try:
            found += _entries(distribution, kind)
        except Exception as error:
            # Metadata that cannot be read belongs to one distribution; the others still work.
            warnings.warn(f"the entry points of {distribution.name} are unreadable: {error}", stacklevel=2)
    return list(dict.fromkeys(found))


def _distributions() -> Iterator["Distribution"]:
    # Imported here because it costs more than the whole rest of the registry.
    from importlib import metadata

    seen: set[str] = set()
    for candidate in metadata.distributions():
        if not _names_ours(candidate):
            continue
        name = normalize(_name(candidate))
        if name and name not in seen:
            seen.add(name)
            # The same distribution may lie on the path twice (editable and wheel): the first one is what imports see,
            # even where it names nothing of ours any more.
            try:
                yield metadata.distribution(name)
            except metadata.PackageNotFoundError:
                # Its folder is not called as it calls itself; only a walk such as this one finds it.
                yield candidate


def _names_ours(distribution: "Distribution") -> bool:
    # A look at the text, because parsing the entry points of everything installed would take longer.
    try:
        return f"[{GROUP}" in (distribution.read_text("entry_points.txt") or "")
    except (OSError, UnicodeDecodeError):
        return False


def _name(distribution: "Distribution") -> str:
    # Where metadata is damaged, Python versions differ: None, KeyError or FileNotFoundError.
    try:
        return distribution.name or ""
    except (KeyError, OSError):
        return ""


def _entries(distribution: "Distribution", kind: str | None) -> Iterator[Entry]:
    for point in distribution.entry_points:
        prefix, _, its_kind = point.group.partition(GROUP)
        if not prefix and its_kind and kind in (None, its_kind):
            yield Entry(
                kind=its_kind,
                name=point.name,
                target=point.value,
                distribution=distribution.name,
                version=distribution.version or "",
                summary=_summary(distribution, point.value),
            )


def _summary(distribution: "Distribution", target: str) -> str:
    if normalize(distribution.name) == OWN:
        line = docstring_line(target) if target.partition(".")[0] in OWN_PACKAGES else None
        return line or target.replace(":", ".")
    lines = str(distribution.metadata.get_all("Summary", [""])[0]).splitlines()
    return lines[0] if lines else ""
