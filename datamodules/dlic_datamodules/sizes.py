"""Bytes for people, and whether there is room for them."""

from __future__ import annotations

import shutil
from pathlib import Path

from dlic_datamodules.errors import DataError, printable

__all__ = ["check_disk", "readable_size"]


def readable_size(count: float) -> str:
    """Bytes for people, in powers of 1000."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def check_disk(folder: Path, needed: float, what: str, remedy: str) -> None:
    """Refuses before anything is written.

    Raises:
        DataError: Less than ``needed`` bytes are free in ``folder``.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{what} needs about {readable_size(needed)}, {printable(str(folder))} has {readable_size(free)} free\n"
            f"{remedy}"
        )
