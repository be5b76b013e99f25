"""The registry knows names: stages, nets, data sets and the rest, each listed without being imported."""

from dlic_registry.component import Component
from dlic_registry.entry import Entry
from dlic_registry.errors import (
    AmbiguousNameError,
    BrokenPluginError,
    DlicError,
    MachineError,
    RegistryError,
    UnknownNameError,
)
from dlic_registry.installed import OWN
from dlic_registry.kinds import KINDS
from dlic_registry.registry import entries, get, import_plugins, imported_plugins, load, recorded, register
from dlic_registry.words import suggest

__all__ = [
    "KINDS",
    "OWN",
    "AmbiguousNameError",
    "BrokenPluginError",
    "Component",
    "DlicError",
    "Entry",
    "MachineError",
    "RegistryError",
    "UnknownNameError",
    "entries",
    "get",
    "import_plugins",
    "imported_plugins",
    "load",
    "recorded",
    "register",
    "suggest",
]
