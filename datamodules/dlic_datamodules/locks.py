"""One process at a time, on file systems that can tell."""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

if sys.platform != "win32":
    import fcntl

__all__ = ["Busy", "locked"]

_log = logging.getLogger("dlic.data")
_PATIENCE = 10.0
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}


class Busy(Exception):
    """Another process holds the lock."""


@contextmanager
def locked(path: Path, what: str, *, wait: bool = True) -> Iterator[bool]:
    """Holds a lock file; the system gives it back when the process ends, however it ends.

    Args:
        path: The lock file.
        what: What another process is doing while it holds the lock, for people.
        wait: Wait for whoever holds it, and say so after some seconds.

    Yields:
        Whether the lock is held: some file systems (drives in a notebook, FUSE) know none. No marker file stands in
        for it there, since one that a killed process leaves behind would be waited for, for ever.

    Raises:
        Busy: Another process holds it, and ``wait`` is False.
        OSError: The lock file cannot be written.
    """
    if not _knows_locks(path):
        yield False
        return
    lock = FileLock(path)
    try:
        lock.acquire(timeout=_PATIENCE if wait else 0)
    except Timeout:
        if not wait:
            raise Busy from None
        _log.warning("waiting for another process: %s (%s)", what, path)
        lock.acquire()
    try:
        yield True
    finally:
        lock.release()


def _knows_locks(path: Path) -> bool:
    if sys.platform == "win32":
        return True
    with open(path, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return False
            raise
    return True
