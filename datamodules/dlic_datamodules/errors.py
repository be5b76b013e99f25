"""What goes wrong with pictures, in sentences a user can act on."""

from __future__ import annotations

import errno

from dlic_registry import DlicError, MachineError
from dlic_registry.terminal import printable

__all__ = ["DataError", "PictureError", "StorageError", "printable", "unwritable"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class DataError(DlicError):
    """A data set cannot be read as asked: the message names the place and the remedy."""


class StorageError(DataError, MachineError):
    """The disk or the memory is full or failing: no mistake in what was asked for."""


class PictureError(DlicError):
    """One picture cannot be used; `reason` says why, without naming the file."""

    def __init__(self, reason: str, name: str | None = None) -> None:
        super().__init__(reason if name is None else f"{name}: {reason}")
        self.reason = reason


def unwritable(what: str, error: OSError, remedy: str) -> DataError:
    """The error for a place that the system refuses: a full disk is the machine's fault, a wrong place the user's."""
    kind = StorageError if error.errno in _FULL else DataError
    return kind(f"{what}: {error.strerror or error}\n{remedy}")
