"""One registered name."""

import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from dlic_registry import local
from dlic_registry.errors import BrokenPluginError, RegistryError
from dlic_registry.kinds import KINDS, SUPPORTED_APIS, check_kind, check_name

_TARGET = re.compile(r"(?P<module>\w+(\.\w+)*)\s*:\s*(?P<attribute>\w+(\.\w+)*)\s*(\[.*\])?")


@dataclass(frozen=True)
class Entry:
    """A name, what it stands for, and who brought it: strings only, so that listing imports nothing.

    Attributes:
        kind: one of `KINDS`, unless a plug-in invented another (then `load` says so).
        name: unique within the kind and distribution.
        target: ``module:Class``.
        distribution: the installed distribution that registers it; ``local`` where a decorator did.
        version: of the distribution; empty for ``local``.
        summary: one line for people.
    """

    kind: str
    name: str
    target: str
    distribution: str
    version: str
    summary: str

    @property
    def qualified(self) -> str:
        """``distribution:name``, the spelling that is never ambiguous."""
        return f"{self.distribution}:{self.name}"

    @property
    def owner(self) -> str:
        """Distribution and version, for sentences."""
        return f"{self.distribution} {self.version}".rstrip()

    def load(self) -> type[Any]:
        """Import the target and check that it is what its kind asks for.

        Returns:
            The class.

        Raises:
            BrokenPluginError: it does not import, is no class derived from the kind's base class, declares a
                ``dlic_api`` that is not supported, or its kind or name is not valid. The message names the
                distribution that owns it and the reason.
        """
        try:
            check_kind(self.kind)
            check_name(self.name)
            target = self._import()
        except RegistryError as error:
            raise self._broken(str(error)) from error
        except (Exception, SystemExit) as error:
            # A plug-in may fail in any way while it is imported; it must break only itself.
            raise self._broken(reason(error)) from error
        return self._checked(target)

    def _import(self) -> Any:
        if self.distribution == local.DISTRIBUTION:
            return local.CLASSES[self.kind, self.name]
        return import_target(self.target)

    def _checked(self, target: Any) -> type[Any]:
        if not isinstance(target, type):
            raise self._broken(f"{self.target} is not a class")
        try:
            base = import_target(KINDS[self.kind])
        except Exception as error:
            raise self._broken(f"the base class of its kind does not import ({reason(error)})") from error
        if not issubclass(target, base):
            raise self._broken(f"{self.target} does not derive from {KINDS[self.kind]}")
        api = getattr(target, "dlic_api", None)
        if api not in (None, *SUPPORTED_APIS):
            supported = ", ".join(map(str, SUPPORTED_APIS))
            raise self._broken(f"it is written for dlic_api {api!r}; this version supports {supported}")
        return target

    def _broken(self, why: str) -> BrokenPluginError:
        return BrokenPluginError(f"{self.kind} {self.name!r} of {self.owner} is broken: {why}")


def import_target(target: str) -> Any:
    """Import ``module:Class`` and return what it names."""
    match = _TARGET.fullmatch(target)
    if match is None:
        raise RegistryError(f"target {target!r} is not of the form module:Class")
    found: Any = import_module(match["module"])
    for part in match["attribute"].split("."):
        found = getattr(found, part)
    return found


def reason(error: BaseException) -> str:
    """An exception in one line: its type and the first line of its message."""
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
