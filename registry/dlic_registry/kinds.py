"""The kinds of components that have names, and what a target of each kind must be.

Kinds of stages are not here: they are entries themselves, of the kind ``kind``.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from dlic_registry.errors import RegistryError

# Base classes are dotted strings: the registry imports nothing of what it names until a target is loaded.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "kind": "lightning_dlic.kinds.base:Kind",
        "net": "torch.nn:Module",
        "zoo": "lightning_dlic.zoo.shelf:Shelf",
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
        "callback": "pytorch_lightning.callbacks:Callback",
    }
)
"""Each kind and the dotted name of the class its targets derive from."""

SUPPORTED_APIS = (1,)
"""Values of a class's ``dlic_api`` that this version understands."""

_NAME = re.compile(r"[a-z0-9_]+")


def check_name(name: str) -> None:
    """Raise RegistryError unless `name` can be registered."""
    if not _NAME.fullmatch(name):
        raise RegistryError(f"{name!r} cannot be a registered name: use lower-case letters, digits and underscores.")
