"""The kinds of things that have names, and what a target of each kind must be."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from dlic_registry.errors import RegistryError, UnknownNameError
from dlic_registry.words import did_you_mean

# Base classes are dotted strings: the registry imports nothing of what it names until a target is loaded.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "sr": "lightning_dlic.stages.base:Stage",
        "prediction": "lightning_dlic.stages.base:Stage",
        "colorization": "lightning_dlic.stages.base:Stage",
        "reconstruction": "lightning_dlic.stages.base:Stage",
        "net": "torch.nn:Module",
        "codec": "lightning_dlic.codec.base:BaseCodec",
        "hints": "lightning_dlic.codec.hints.base:Hints",
        "downsize": "torch.nn:Module",
        "data": "dlic_datamodules.base:PictureDataModule",
        "transform": "dlic_datamodules.transform:BatchTransform",
        "loss": "torch.nn:Module",
        "metric": "torch.nn:Module",
        "optimizer": "torch.optim:Optimizer",
        "schedule": "torch.optim.lr_scheduler:LRScheduler",
        "logger": "pytorch_lightning.loggers:Logger",
    }
)
"""Each kind and the dotted name of the class its targets derive from."""

SUPPORTED_APIS = (1,)
"""Values of a class's ``dlic_api`` that this version understands."""

_NAME = re.compile(r"[a-z0-9_]+")


def check_kind(kind: str) -> None:
    """Raise UnknownNameError unless `kind` is one of `KINDS`."""
    if kind not in KINDS:
        raise UnknownNameError(f"unknown kind {kind!r}.{did_you_mean(kind, KINDS)} Kinds: {', '.join(KINDS)}.")


def check_name(name: str) -> None:
    """Raise RegistryError unless `name` can be registered."""
    if not _NAME.fullmatch(name):
        raise RegistryError(f"{name!r} cannot be a registered name: use lower-case letters, digits and underscores.")
