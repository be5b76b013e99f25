"""What is registered: entries by kind and name, from metadata alone."""

from typing import Any

from dlic_registry import local
from dlic_registry.entry import Entry
from dlic_registry.errors import AmbiguousNameError, UnknownNameError
from dlic_registry.foreign import KINDS as FOREIGN
from dlic_registry.foreign import foreign
from dlic_registry.installed import OWN, installed, normalize
from dlic_registry.kinds import KINDS
from dlic_registry.words import did_you_mean


def stage_kinds() -> list[str]:
    """Kinds of stages: the names registered under the kind ``kind``, sorted."""
    return sorted({entry.name for entry in listed("kind")})


def check_kind(kind: str) -> None:
    """Raise UnknownNameError unless `kind` is one of `KINDS` or of `stage_kinds`."""
    if kind in KINDS:
        return
    known = [*stage_kinds(), *KINDS]
    if kind not in known:
        raise UnknownNameError(f"unknown kind {kind!r}.{did_you_mean(kind, known)} Kinds: {', '.join(known)}.")


def entries(kind: str | None = None) -> list[Entry]:
    """All registered names, or those of one kind, from metadata alone.

    Args:
        kind: one of `KINDS` or of `stage_kinds`, or None for all.

    Returns:
        Entries sorted by kind (those of stages first, then in the order of `KINDS`), name and distribution.

    Raises:
        UnknownNameError: no such kind.
    """
    if kind is not None:
        check_kind(kind)
    order = {known: place for place, known in enumerate(KINDS, 1)}
    found = listed(kind)
    return sorted(found, key=lambda e: (order.get(e.kind, 0), e.kind, e.name, e.distribution))


def get(kind: str, name: str, *, own_first: bool = False) -> Entry:
    """The entry of a name.

    Args:
        kind: one of `KINDS` or of `stage_kinds`.
        name: a registered name, or ``distribution:name`` where two distributions claim one; of some kinds also
            ``module:Class`` of any library.
        own_first: whether a bare name that is ours means ours, whoever else claims it: for names that our code and our
            file formats have fixed. What a user writes is never decided so.

    Returns:
        The entry; nothing is imported.

    Raises:
        UnknownNameError: no such kind or name; the message suggests the nearest.
        AmbiguousNameError: several distributions claim the name; the message gives the spellings that decide.
    """
    known = entries(kind)
    owner, _, bare = name.rpartition(":")
    found = [e for e in known if e.name == bare and (not owner or normalize(e.distribution) == normalize(owner))]
    if not found:
        other = foreign(kind, name)
        if other is not None:
            return other
        raise UnknownNameError(_unknown(kind, name, known))
    if own_first and not owner:
        found = [e for e in found if normalize(e.distribution) == OWN] or found
    if len(found) > 1:
        raise AmbiguousNameError(_ambiguous(kind, name, found))
    return found[0]


def listed(kind: str | None) -> list[Entry]:
    """Entries of installed distributions and of this process, in no order that means anything."""
    return installed(kind) + _local_entries(kind)


def _local_entries(kind: str | None) -> list[Entry]:
    return [
        Entry(its_kind, name, local.target_of(cls), local.DISTRIBUTION, "", _first_line(cls))
        for (its_kind, name), cls in local.CLASSES.items()
        if kind in (None, its_kind)
    ]


def _first_line(cls: type[Any]) -> str:
    return next(iter((cls.__doc__ or "").strip().splitlines()), "")


def _unknown(kind: str, name: str, known: list[Entry]) -> str:
    if not known:
        return f"unknown {kind} {name!r}. No {kind} is registered."
    spellings = [e.qualified if ":" in name else e.name for e in known]
    # Who knows torch's ReduceLROnPlateau may not know that it is called plateau here.
    classes = [e.target.rpartition(":")[2].lower() for e in known]
    near = spellings[classes.index(name.lower())] if name.lower() in classes else None
    meant = f" Did you mean {near!r}?" if near else did_you_mean(name, spellings)
    others = " Another library's is MODULE:CLASS." if kind in FOREIGN else ""
    return f"unknown {kind} {name!r}.{meant} Registered: {', '.join(dict.fromkeys(spellings))}.{others}"


def _ambiguous(kind: str, name: str, found: list[Entry]) -> str:
    spellings = list(dict.fromkeys(e.qualified for e in found))
    if len(spellings) == 1:
        targets = ", ".join(e.target for e in found)
        return f"{kind} {name!r}: {found[0].owner} registers it more than once ({targets}). Tell its authors."
    owners = ", ".join(e.owner for e in found)
    return f"{kind} {name!r} is registered by several distributions: {owners}.\nWrite {' or '.join(spellings)}."
