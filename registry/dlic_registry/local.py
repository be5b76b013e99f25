"""Classes registered in this process, by decorator."""

from typing import Any

DISTRIBUTION = "local"
"""Stands where an installed distribution's name would: ``local:name``."""

CLASSES: dict[tuple[str, str], type[Any]] = {}
"""The class of each (kind, name)."""

PLUGINS: list[str] = []
"""Modules imported as plug-ins, in their order: what another process has to import to know the same names."""


def target_of(cls: type[Any]) -> str:
    """``module:QualifiedName``."""
    return f"{cls.__module__}:{cls.__qualname__}"
