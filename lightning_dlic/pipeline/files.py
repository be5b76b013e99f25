"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from dlic_registry import DlicError

_ENDING = ".part"


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file under a hidden name and then gives it its own.

    Raises:
        DlicError: The folder does not exist or cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}{_ENDING}")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DlicError(f"{path}: cannot be written ({error.strerror})") from error


def remove_leftovers(folder: Path) -> None:
    """Removes the hidden files of processes that were killed while they wrote."""
    for part in folder.rglob(f".*{_ENDING}"):
        owner = part.name.removesuffix(_ENDING).rpartition(".")[2]
        if owner.isdigit() and not _alive(int(owner)):
            part.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
