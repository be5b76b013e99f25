"""Looking names up, and registering classes in this process."""

import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, TypeVar

from dlic_registry import local
from dlic_registry.entry import Entry, reason
from dlic_registry.errors import AmbiguousNameError, BrokenPluginError, RegistryError, UnknownNameError
from dlic_registry.installed import OWN, installed, normalize
from dlic_registry.kinds import KINDS, check_kind, check_name
from dlic_registry.terminal import command
from dlic_registry.words import did_you_mean

T = TypeVar("T", bound=type[Any])


def entries(kind: str | None = None) -> list[Entry]:
    """All registered names, or those of one kind, from metadata alone.

    Args:
        kind: one of `KINDS`, or None for all.

    Returns:
        Entries sorted by kind (in the order of `KINDS`), name and distribution.

    Raises:
        UnknownNameError: no such kind.
    """
    if kind is not None:
        check_kind(kind)
    order = {known: place for place, known in enumerate(KINDS)}
    found = installed(kind) + _local_entries(kind)
    return sorted(found, key=lambda e: (order.get(e.kind, len(order)), e.kind, e.name, e.distribution))


def get(kind: str, name: str, *, own_first: bool = False) -> Entry:
    """The entry of a name.

    Args:
        kind: one of `KINDS`.
        name: a registered name, or ``distribution:name`` where two distributions claim one.
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
        raise UnknownNameError(_unknown(kind, name, known))
    if own_first and not owner:
        found = [e for e in found if normalize(e.distribution) == OWN] or found
    if len(found) > 1:
        raise AmbiguousNameError(_ambiguous(kind, name, found))
    return found[0]


def load(kind: str, name: str, *, own_first: bool = False) -> type[Any]:
    """The class of a name: ``get(kind, name, own_first=own_first).load()``."""
    return get(kind, name, own_first=own_first).load()


def recorded(kind: str, name: str, distribution: str, version: str, *, needed_by: str) -> Entry:
    """The entry that a checkpoint recorded by kind, name, distribution and version.

    A name that another distribution offers today is no substitute, so it is looked up with its distribution. The
    version of the entry returned may differ from the recorded one: whether that matters is for the caller to say.

    Args:
        kind: as recorded.
        name: as recorded, without distribution.
        distribution: as recorded.
        version: as recorded; empty for ``local``.
        needed_by: the file to name in the message.

    Raises:
        UnknownNameError: it is not registered any more; the message says what to install.
    """
    for entry in installed(kind) + _local_entries(kind):
        if entry.name == name and normalize(entry.distribution) == normalize(distribution):
            return entry
    owner = f"{distribution} {version}".rstrip()
    raise UnknownNameError(
        f"{needed_by}: needs {kind} {name!r} of {owner}, which is not registered here.\n"
        f"{_remedy(distribution, version)}"
    )


def register(kind: str, name: str) -> Callable[[T], T]:
    """Class decorator that registers a class in this process.

    Running the same definition again (a notebook's cell) replaces the class. Any other clash is an error, and an
    error leaves the registry as it was.

    Args:
        kind: one of `KINDS`.
        name: lower-case letters, digits and underscores.

    Raises:
        UnknownNameError: no such kind.
        RegistryError: the name is not valid, is taken, or the decorated object is no class.

    Example:
        >>> @register("net", "identity")
        ... class Identity: ...
        >>> get("net", "identity").distribution
        'local'
    """
    check_kind(kind)
    check_name(name)

    def decorate(cls: T) -> T:
        if not isinstance(cls, type):
            raise RegistryError(f"only a class can be registered as {kind} {name!r}, not {cls!r}.")
        target = local.target_of(cls)
        others = [e for e in installed(kind) + _local_entries(kind) if e.name == name]
        for other in others:
            if other.target != target:
                raise RegistryError(
                    f"{kind} {name!r} is already registered by {other.owner} ({other.target}).\n"
                    f"Choose another name for {target}."
                )
        # A class that its distribution's entry point names too stays that distribution's.
        if all(other.distribution == local.DISTRIBUTION for other in others):
            local.CLASSES[kind, name] = cls
        return cls

    return decorate


def import_plugins(modules: Iterable[str]) -> None:
    """Import modules that register by decorator (a recipe's ``plugins``).

    Args:
        modules: dotted names of importable modules.

    Raises:
        BrokenPluginError: a module does not import. What it had registered before it failed is taken back.
    """
    for module in modules:
        before = dict(local.CLASSES)
        try:
            import_module(module)
        except (Exception, SystemExit) as error:
            _take_back(before)
            raise BrokenPluginError(_unimportable(module, error)) from error
        if module not in local.PLUGINS:
            local.PLUGINS.append(module)


def imported_plugins() -> list[str]:
    """Modules that `import_plugins` has imported, for a process that is to know the same names."""
    return list(local.PLUGINS)


def _take_back(before: dict[tuple[str, str], type[Any]]) -> None:
    # Modules that did import stay loaded and would not register again, so only what the failed ones added goes.
    for key, cls in list(local.CLASSES.items()):
        if cls.__module__ not in sys.modules:
            del local.CLASSES[key]
            if key in before:
                local.CLASSES[key] = before[key]


def _unimportable(module: str, error: BaseException) -> str:
    message = f"plug-in module {module!r} does not import: {reason(error)}"
    if isinstance(error, ModuleNotFoundError) and error.name and module.startswith(error.name):
        message += "\nInstall the package it belongs to, or put its folder on PYTHONPATH."
    return message


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
    return f"unknown {kind} {name!r}.{did_you_mean(name, spellings)} Registered: {', '.join(dict.fromkeys(spellings))}."


def _ambiguous(kind: str, name: str, found: list[Entry]) -> str:
    spellings = list(dict.fromkeys(e.qualified for e in found))
    if len(spellings) == 1:
        targets = ", ".join(e.target for e in found)
        return f"{kind} {name!r}: {found[0].owner} registers it more than once ({targets}). Tell its authors."
    owners = ", ".join(e.owner for e in found)
    return f"{kind} {name!r} is registered by several distributions: {owners}.\nWrite {' or '.join(spellings)}."


def _remedy(distribution: str, version: str) -> str:
    if distribution == local.DISTRIBUTION:
        return "It was registered by a decorator: name its module under `plugins` in the recipe, or by --plugin."
    install = command("pip", "install", f"{distribution}=={version}" if version else distribution)
    if normalize(distribution) == OWN:
        return f"Install the version of {distribution} that wrote it: {install}"
    return f"Install it: {install} (or from its sources, if it is not published)."
