"""Loading classes by name, and registering them in this process."""

import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, TypeVar

from dlic_registry import local
from dlic_registry.entry import Entry
from dlic_registry.errors import BrokenPluginError, RegistryError, UnknownNameError, reason
from dlic_registry.installed import OWN, normalize
from dlic_registry.kinds import check_name
from dlic_registry.listing import check_kind, get, listed
from dlic_registry.loading import load_entry
from dlic_registry.terminal import command

T = TypeVar("T", bound=type[Any])


def load(kind: str, name: str, *, own_first: bool = False) -> type[Any]:
    """The class of a name, imported and checked: see `get` and `load_entry`."""
    return load_entry(get(kind, name, own_first=own_first))


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
    for entry in listed(kind):
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
        kind: one of `KINDS` or of `stage_kinds`.
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
        others = [e for e in listed(kind) if e.name == name]
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


def _remedy(distribution: str, version: str) -> str:
    if distribution == local.DISTRIBUTION:
        return "It was registered by a decorator: name its module under `plugins` in the recipe, or by --plugin."
    install = command("pip", "install", f"{distribution}=={version}" if version else distribution)
    if normalize(distribution) == OWN:
        return f"Install the version of {distribution} that wrote it: {install}"
    return f"Install it: {install} (or from its sources, if it is not published)."
