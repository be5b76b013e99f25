"""Kinds by name."""

from __future__ import annotations

from typing import Any

from dlic_registry import DlicError, RegistryError, load, stage_kinds
from lightning_dlic.kinds.base import part


def kind_part(kind: str, which: str) -> Any:
    """A part of a registered kind, imported.

    Args:
        kind: Name of the kind.
        which: ``stage``, ``operator`` or ``measure``.

    Raises:
        DlicError: There is no such kind, it has no such part, or that does not import.
    """
    found = load("kind", kind)
    if getattr(found, which) is None:
        raise DlicError(f"kind {kind!r} has no {which}")
    return part(found, which)


def rivals() -> dict[str, list[str]]:
    """Kinds by the rivals that they name; a kind that is broken has none."""
    found: dict[str, list[str]] = {}
    for kind in stage_kinds():
        try:
            names = load("kind", kind).rivals
        except RegistryError:
            continue
        for name in names:
            found.setdefault(name, []).append(kind)
    return found
