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
from dlic_registry.listing import entries, get, stage_kinds
from dlic_registry.loading import load_entry
from dlic_registry.registry import import_plugins, imported_plugins, load, recorded, register
from dlic_registry.words import did_you_mean, suggest

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
    "did_you_mean",
    "entries",
    "get",
    "import_plugins",
    "imported_plugins",
    "load",
    "load_entry",
    "recorded",
    "register",
    "stage_kinds",
    "suggest",
]
