"""Where pictures come from: files under folders, and anything else that gives named bytes."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dlic_datamodules.decode import PICTURE_SUFFIXES, RAW_SUFFIXES
from dlic_datamodules.errors import DataError, PictureError, printable

__all__ = ["FileSource", "PictureFile", "Source", "scan"]

# Up to this many bytes a set is known by its content, so that a copy or a fresh checkout finds its cache again.
_HASH_BYTES = 1 << 26


class Source(Protocol):
    """An ordered set of encoded pictures, picklable, the same in every process."""

    label: str

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """The picture's name, unique in the set."""
        ...

    def is_raw(self, index: int) -> bool:
        """Whether the bytes are a camera's raw file."""
        ...

    def read(self, index: int, limit: int) -> bytes:
        """The encoded bytes.

        Raises:
            PictureError: They cannot be read, or there are more than ``limit``.
        """
        ...

    def fingerprint(self) -> str:
        """Hexadecimal digest that changes when the pictures do."""
        ...

    def where(self) -> list[str]:
        """Where the set lies, for people."""
        ...


@dataclass(frozen=True)
class PictureFile:
    """A file and the name it goes by in its set; `problem` is set for what could not even be listed."""

    name: str
    path: str
    problem: str | None = None


@dataclass
class FileSource:
    """Pictures that are files."""

    label: str
    files: Sequence[PictureFile]
    roots: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.files)

    def name(self, index: int) -> str:
        """Path below the root, with slashes."""
        return self.files[index].name

    def is_raw(self, index: int) -> bool:
        """By the suffix: a raw file opened as a TIFF would give its thumbnail."""
        return os.path.splitext(self.files[index].path)[1].lower() in RAW_SUFFIXES

    def read(self, index: int, limit: int) -> bytes:
        """The file's bytes; only regular files are opened, since a pipe would wait for ever."""
        file = self.files[index]
        if file.problem is not None:
            raise PictureError(file.problem)
        try:
            info = os.stat(file.path)
            if not stat.S_ISREG(info.st_mode):
                raise PictureError("not a regular file")
            if info.st_size > limit:
                raise PictureError(f"{info.st_size:,} bytes, more than any picture of max_pixels pixels")
            with open(file.path, "rb") as handle:
                return handle.read(limit + 1)
        except OSError as error:
            raise PictureError(f"cannot be read: {error.strerror or error}") from error

    def fingerprint(self) -> str:
        """By content where the set is small, else by size and time of change; always by name."""
        stats = [_stat(file) for file in self.files]
        small = sum(info.st_size for info in stats if info is not None) <= _HASH_BYTES
        digest = hashlib.blake2b(digest_size=16)
        for file, info in zip(self.files, stats, strict=True):
            mark = _mark(file, info, small)
            digest.update(f"{len(file.name)} {file.name} {mark}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def where(self) -> list[str]:
        """The roots."""
        return [printable(root) for root in self.roots]


def _stat(file: PictureFile) -> os.stat_result | None:
    try:
        info = os.stat(file.path)
    except OSError:
        return None
    return info if stat.S_ISREG(info.st_mode) else None


def _mark(file: PictureFile, info: os.stat_result | None, small: bool) -> str:
    if file.problem is not None or info is None:
        return f"unreadable {file.problem}"
    if not small:
        return f"{info.st_size} {info.st_mtime_ns}"
    try:
        return hashlib.blake2b(Path(file.path).read_bytes(), digest_size=16).hexdigest()
    except OSError as error:
        return f"unreadable {error.errno}"


def _walk(root: str) -> Iterator[PictureFile]:
    """Every picture below ``root``; links are followed, but no folder is entered twice."""
    problems: list[OSError] = []
    seen: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root, onerror=problems.append, followlinks=True):
        info = os.stat(folder)
        if (info.st_dev, info.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((info.st_dev, info.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not _hidden(name))
        for name in names:
            if not _hidden(name) and os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES:
                path = os.path.join(folder, name)
                yield PictureFile(os.path.relpath(path, root).replace(os.sep, "/"), path)
    for error in problems:
        path = os.fsdecode(error.filename)
        yield PictureFile(os.path.relpath(path, root), path, f"folder cannot be listed: {error.strerror}")


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def scan(folders: Sequence[str | Path], label: str) -> FileSource:
    """All pictures below some folders, sorted by name.

    Hidden files and folders are left out, links followed (a loop of links is walked once), and names come from the
    suffix alone: what is no picture inside shows when it is decoded.

    Args:
        folders: Existing folders. With more than one, names start with the folder's own name and number.
        label: Name of the set in the cache.

    Returns:
        The set; it may be empty.

    Raises:
        DataError: A folder does not exist.
    """
    files: list[PictureFile] = []
    for number, folder in enumerate(folders):
        if not os.path.isdir(folder):
            raise DataError(f"no folder {printable(str(folder))}\nMend the path in data.args")
        found = sorted(_walk(str(folder)), key=lambda file: file.name)
        prefix = f"{number}-{Path(folder).name}/" if len(folders) > 1 else ""
        files.extend(PictureFile(prefix + file.name, file.path, file.problem) for file in found)
    return FileSource(label, files, [os.path.abspath(folder) for folder in folders])
