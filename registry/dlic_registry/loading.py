"""From an entry to its class."""

import re
from importlib import import_module
from typing import Any

from dlic_registry import local
from dlic_registry.entry import Entry
from dlic_registry.errors import BrokenPluginError, RegistryError, reason
from dlic_registry.kinds import KINDS, SUPPORTED_APIS, check_name
from dlic_registry.listing import check_kind, get
from dlic_registry.words import did_you_mean

_TARGET = re.compile(r"(?P<module>\w+(\.\w+)*)\s*:\s*(?P<attribute>\w+(\.\w+)*)\s*(\[.*\])?")


def load_entry(entry: Entry) -> type[Any]:
    """Imports the target of an entry and checks that it is what its kind asks for.

    Args:
        entry: the entry.

    Returns:
        The class.

    Raises:
        BrokenPluginError: it does not import, is no class derived from the kind's base class, declares a
            ``dlic_api`` that is not supported, or its kind or name is not valid. The message names the
            distribution that owns it and the reason.
    """
    try:
        check_kind(entry.kind)
        check_name(entry.name)
        target = _import(entry)
    except RegistryError as error:
        raise _broken(entry, str(error)) from error
    except (Exception, SystemExit) as error:
        # A plug-in may fail in any way while it is imported; it must break only itself.
        raise _broken(entry, reason(error)) from error
    return _checked(entry, target)


def base_of(kind: str) -> str:
    """``module:Class`` of the class that targets of a kind derive from.

    Args:
        kind: one of `KINDS`, or a kind of stages, whose own class is loaded to ask it.

    Raises:
        UnknownNameError: no such kind.
        BrokenPluginError: the class of a kind of stages is broken.
    """
    if kind in KINDS:
        return KINDS[kind]
    base: str = load_entry(get("kind", kind)).stage
    return base


def _import(entry: Entry) -> Any:
    if entry.distribution == local.DISTRIBUTION:
        return local.CLASSES[entry.kind, entry.name]
    return import_target(entry.target)


def _checked(entry: Entry, target: Any) -> type[Any]:
    if not isinstance(target, type):
        raise _broken(entry, f"{entry.target} is not a class")
    try:
        wanted = base_of(entry.kind)
        base = import_target(wanted)
    except Exception as error:
        raise _broken(entry, f"the base class of its kind does not import ({reason(error)})") from error
    if not issubclass(target, base):
        raise _broken(entry, f"{entry.target} does not derive from {wanted}")
    api = getattr(target, "dlic_api", None)
    if api not in (None, *SUPPORTED_APIS):
        supported = ", ".join(map(str, SUPPORTED_APIS))
        raise _broken(entry, f"it is written for dlic_api {api!r}; this version supports {supported}")
    return target


def _broken(entry: Entry, why: str) -> BrokenPluginError:
    return BrokenPluginError(f"{entry.kind} {entry.name!r} of {entry.owner} is broken: {why}")


def import_target(target: str) -> Any:
    """Import ``module:Class`` and return what it names."""
    match = _TARGET.fullmatch(target)
    if match is None:
        raise RegistryError(f"target {target!r} is not of the form module:Class")
    found: Any = import_module(match["module"])
    for part in match["attribute"].split("."):
        if not hasattr(found, part):
            raise RegistryError(f"{match['module']} has no attribute {part!r}.{did_you_mean(part, dir(found))}")
        found = getattr(found, part)
    return found
