"""The order in which stages stand behind the base codec."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dlic_registry import DlicError, load
from lightning_dlic.kinds.base import Slot


def in_order(kinds: Iterable[str]) -> list[str]:
    """Kinds in the order of their slots.

    Args:
        kinds: Names of registered kinds, each once.

    Returns:
        The same, the first to see what the base codec gives first.

    Raises:
        DlicError: A kind has no slot, two claim the same place, or what they say of each other leaves their order open.
    """
    slots = {kind: _slot(kind) for kind in kinds}
    _exclusive(slots)
    left, ordered = dict(slots), list[str]()
    while left:
        first = [kind for kind in left if not any(_precedes(other, kind, slots) for other in left if other != kind)]
        if len(first) != 1:
            pair = sorted(first or left)[:2]
            how = "leave their order open" if first else "each want to come before the other"
            raise DlicError(f"stages {pair[0]!r} and {pair[1]!r} {how}: one's slot must say before or after the other")
        ordered.append(first[0])
        del left[first[0]]
    return ordered


def _slot(kind: str) -> Slot:
    slot: Slot | None = load("kind", kind).slot
    if slot is None:
        raise DlicError(f"stages of the kind {kind!r} have no place behind a base codec")
    return slot


def _exclusive(slots: Mapping[str, Slot]) -> None:
    for kind, slot in slots.items():
        for other in slot.instead:
            if other in slots:
                raise DlicError(f"stage {kind!r} stands in the place of {other!r}: name one of them")


def _precedes(first: str, second: str, slots: Mapping[str, Slot]) -> bool:
    """Whether one kind comes before another, as either says of the other or of what the other stands for."""
    names = {kind: {kind, *slots[kind].instead} for kind in (first, second)}
    return bool(names[second] & set(slots[first].before) or names[first] & set(slots[second].after))
