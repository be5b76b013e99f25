"""Classes of libraries that know nothing of us, named as ``module:Class``."""

from importlib.util import find_spec

from dlic_registry.entry import Entry
from dlic_registry.errors import UnknownNameError

KINDS = ("loss", "metric", "optimizer", "schedule", "logger", "callback")
"""Kinds of which any library's classes may be named: only recipes name such, never a bitstream or a weights file."""


def foreign(kind: str, name: str) -> Entry | None:
    """The entry that ``module:Class`` stands for; None where a name is no such thing.

    What is registered is in lower case, so a class is told by its capital.

    Args:
        kind: A kind.
        name: Such as ``pytorch_optimizer:Lion`` or ``torch.nn:SmoothL1Loss``.

    Raises:
        UnknownNameError: There is no such module; nothing is imported to find out but what it lies in.
    """
    module, _, cls = name.rpartition(":")
    dotted = bool(module) and all(part.isidentifier() for part in module.split("."))
    if kind not in KINDS or not dotted or not cls.isidentifier() or cls == cls.lower():
        return None
    top = module.partition(".")[0]
    if find_spec(top) is None:
        raise UnknownNameError(f"unknown {kind} {name!r}: there is no module {top!r} here.\nInstall its package.")
    return Entry(kind, cls.lower(), name, top, "", f"{module}.{cls}")
