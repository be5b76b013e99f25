"""One process trains in a run's folder at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from dlic_registry import DlicError

try:
    import fcntl

    _lock: Callable[[int, int], object] | None = fcntl.lockf
except ImportError:  # Windows has nothing of the kind that a killed process surely gives back
    _lock = None

_HELD = (errno.EACCES, errno.EAGAIN)


class LockedError(DlicError):
    """Another process trains in the folder."""


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Holds a run's folder; the system gives it back when the process ends, however it ends.

    A record lock rather than `flock`: loader processes that outlive a killed training do not inherit it, and network
    file systems know it.

    Args:
        folder: The run's folder. Its lock is the file ``.lock``, in which the holder says who it is.

    Raises:
        LockedError: Another process holds it; the message says which, and what to do.
        DlicError: The folder cannot be written.
    """
    path = folder / ".lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
    except OSError as error:
        raise DlicError(f"{folder}: cannot be written ({error.strerror or error})") from error
    try:
        if _take(handle, path):
            with contextlib.suppress(OSError):
                os.ftruncate(handle, 0)
                os.write(handle, _ourselves().encode())
        yield
    finally:
        os.close(handle)


def _take(handle: int, path: Path) -> bool:
    """Takes the lock; False where the file system has none."""
    if _lock is None:
        return False
    try:
        _lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            raise LockedError(_message(path, os.read(handle, 200))) from error
        warnings.warn(
            f"{path.parent}: this file system has no locks ({error.strerror}): see to it that no other process "
            "trains in this folder",
            stacklevel=4,
        )
        return False
    return True


def _ourselves() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}, since {datetime.now():%Y-%m-%d %H:%M}"


def _message(path: Path, holder: bytes) -> str:
    told = "".join(c for c in holder.decode("utf-8", "replace") if c.isprintable()) or "another process"
    return (
        f"{path.parent}: {told} trains in this folder.\n"
        f"Wait for it, or stop it. If that process is gone for sure (a file system shared between machines may keep "
        f"its lock for a while), remove {path} and try again."
    )
