"""Files that are there whole or not at all, and what else is asked of a file that a user names.

The one writer of such files. What is there already keeps its mode, a link keeps pointing where it points, and what is
no regular file (a pipe, a device) is written into, not replaced.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dlic_registry import DlicError, MachineError

__all__ = ["FileError", "check_target", "read_all", "remove_leftovers", "sha256", "write_file", "writing"]

_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_START, _ENDING = ".dlic-", ".part"
_CHUNK = 1 << 20


class FileError(DlicError):
    """A file cannot be written, or must not be."""


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_all(source: str | Path | BinaryIO, most: int) -> bytes:
    """All bytes of a file, or of what has no size and may never end: a pipe, a device.

    Args:
        source: Its path, or the open file.
        most: Bytes that it may have.

    Raises:
        OSError: It cannot be read, or has more.
    """
    if isinstance(source, str | Path):
        with open(source, "rb") as stream:
            return read_all(stream, most)
    chunks, total = list[bytes](), 0
    while chunk := source.read(_CHUNK):
        total += len(chunk)
        if total > most:
            raise OSError(errno.EFBIG, f"it has more than {most >> 20} MiB")
        chunks.append(chunk)
    return b"".join(chunks)


def check_target(target: str | Path, source: str | Path | None = None) -> None:
    """Refuses a target before anything is computed for it.

    Args:
        target: The file that will be written.
        source: What it is made from: a regular file is never written over itself, whatever names or links lead there.

    Raises:
        FileError: The folder does not exist, the name is too long, it is a folder, or it is the source.
    """
    try:
        found = os.stat(target)
    except FileNotFoundError:
        folder = os.path.dirname(os.path.realpath(target) if os.path.islink(target) else target) or "."
        if not os.path.isdir(folder):
            raise FileError(f"{target}: there is no folder {folder}") from None
        return
    except OSError as error:
        raise _cannot(target, error) from error
    if stat.S_ISDIR(found.st_mode):
        raise FileError(f"{target}: is a folder; name a file")
    if source is not None and stat.S_ISREG(found.st_mode) and _same(found, source):
        raise FileError(f"{target}: is the source {source} itself; name another file")


def _same(found: os.stat_result, source: str | Path) -> bool:
    try:
        return os.path.samestat(found, os.stat(source))
    except OSError:
        return False


def write_file(path: str | Path, data: bytes | memoryview) -> None:
    """Writes a file, whole or not at all.

    Raises:
        FileError: The folder does not exist, or the file cannot be written.
        MachineError: The disk is full.
    """
    try:
        if _is_stream(path):
            _append(path, data)
            return
        with writing(path) as part:
            part.write_bytes(data)
    except OSError as error:
        raise _cannot(path, error) from error


def _append(path: str | Path, data: bytes | memoryview) -> None:
    with open(path, "ab", buffering=0) as stream:
        rest = memoryview(data)
        while rest:
            rest = rest[stream.write(rest) :]


@contextlib.contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """A hidden file beside the one that is to be; it takes its place when the block ends, or goes where it fails.

    Args:
        path: The file: links are followed, and the mode of what is there is kept.

    Yields:
        The hidden file's path, for the block to write.

    Raises:
        FileError: It cannot be written, or it is a pipe, a device or a folder, for which there is `write_file`.
    """
    try:
        if _is_stream(path):
            raise FileError(f"{path}: is not a regular file, and this must be one")
        target = Path(os.path.realpath(path))
        part = target.with_name(f"{_START}{os.getpid()}-{secrets.token_hex(4)}{_ENDING}")
        found = _existing(target)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        os.close(descriptor)
    except OSError as error:
        raise _cannot(path, error) from error
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        if found is not None:
            _adopt(part, found)
        part.replace(target)
    except OSError as error:
        raise _cannot(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def _existing(target: Path) -> os.stat_result | None:
    """What is there already; refused where it is a folder, or may not be written."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if not os.access(target, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, "it is read-only")
    return found


def _adopt(part: Path, found: os.stat_result) -> None:
    """Gives a file the mode, and where that is allowed the owner, of the one that it replaces."""
    with contextlib.suppress(OSError, AttributeError):
        os.chown(part, found.st_uid, found.st_gid)
    part.chmod(stat.S_IMODE(found.st_mode))


def _is_stream(path: str | Path) -> bool:
    """Whether to write into what is there: a pipe, a device, or an open file by its number (``/dev/stdout``)."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    if not stat.S_ISREG(mode):
        return not stat.S_ISDIR(mode)
    return _names_descriptor(str(path))


def _names_descriptor(path: str) -> bool:
    for _ in range(40):
        folder = os.path.realpath(os.path.dirname(path) or ".")
        if folder.startswith("/proc/") or folder.startswith("/dev/fd"):
            return True
        if not os.path.islink(path):
            return False
        path = os.path.join(folder, os.readlink(path))
    return False


def _cannot(path: str | Path, error: OSError) -> DlicError:
    sentence = f"{path}: cannot be written ({error.strerror or error})"
    if error.errno in _MACHINE:
        return MachineError(f"{sentence}\nMake room, or write somewhere else.")
    return FileError(sentence)


def remove_leftovers(folder: Path) -> None:
    """Removes the hidden files, right in a folder, of processes that were killed while they wrote."""
    for part in folder.glob(f"{_START}*{_ENDING}"):
        owner = part.name.removeprefix(_START).partition("-")[0]
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
