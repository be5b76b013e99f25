"""Where pictures come from: files under folders, and anything else that gives named bytes."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from dlic_datamodules.errors import PictureError, printable
from dlic_datamodules.formats import RAW_SUFFIXES
from dlic_datamodules.roots import expand

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


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file: its name below a root, the root's number, and a problem where it could not even be listed."""

    name: str
    root: int = 0
    problem: str | None = None


class FileSource:
    """Pictures that are files.

    Names are kept in one block of bytes: a list of a million strings would take half a gigabyte in every loader.

    Args:
        label: Name of the set in the cache.
        files: The pictures.
        roots: Folders that `PictureFile.root` counts; with more than one, names begin with number and folder.
    """

    def __init__(self, label: str, files: Sequence[PictureFile], roots: Sequence[str | Path]) -> None:
        self.label = label
        self.roots = [os.path.abspath(root) for root in roots]
        encoded = [os.fsencode(file.name) for file in files]
        self._blob = b"".join(encoded)
        self._ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
        self._root = np.array([file.root for file in files], np.int32)
        self._problems = {i: file.problem for i, file in enumerate(files) if file.problem is not None}

    def __len__(self) -> int:
        return len(self._root)

    def file(self, index: int) -> PictureFile:
        """The record of picture ``index``."""
        name = os.fsdecode(self._blob[self._ends[index] : self._ends[index + 1]])
        return PictureFile(name, int(self._root[index]), self._problems.get(index))

    def files(self) -> list[PictureFile]:
        """All records."""
        return [self.file(index) for index in range(len(self))]

    def path(self, index: int) -> str:
        """Absolute path of picture ``index``."""
        file = self.file(index)
        return os.path.join(self.roots[file.root], file.name)

    def name(self, index: int) -> str:
        """Path below the root, with slashes."""
        file = self.file(index)
        if len(self.roots) == 1:
            return file.name
        return f"{file.root}-{os.path.basename(self.roots[file.root])}/{file.name}"

    def is_raw(self, index: int) -> bool:
        """By the suffix: a raw file opened as a TIFF would give its thumbnail."""
        return os.path.splitext(self.file(index).name)[1].lower() in RAW_SUFFIXES

    def read(self, index: int, limit: int) -> bytes:
        """The file's bytes; only regular files are opened, since a pipe would wait for ever."""
        problem = self._problems.get(index)
        if problem is not None:
            raise PictureError(problem)
        path = self.path(index)
        try:
            info = os.stat(path)
            if not stat.S_ISREG(info.st_mode):
                raise PictureError("not a regular file")
            if info.st_size > limit:
                raise PictureError(f"{info.st_size:,} bytes, more than any picture of max_pixels pixels")
            with open(path, "rb") as handle:
                return handle.read(limit + 1)
        except OSError as error:
            raise PictureError(f"cannot be read: {error.strerror or error}") from error

    def fingerprint(self) -> str:
        """By content where the set is small, else by size and time of change; always by name."""
        stats = [_stat(self.path(index)) for index in range(len(self))]
        small = sum(info.st_size for info in stats if info is not None) <= _HASH_BYTES
        digest = hashlib.blake2b(digest_size=16)
        for index, info in enumerate(stats):
            name = self.name(index)
            mark = self._problems.get(index) or _mark(self.path(index), info, small)
            digest.update(f"{len(name)} {name} {mark}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def where(self) -> list[str]:
        """The roots."""
        return [printable(root) for root in self.roots]


def _stat(path: str) -> os.stat_result | None:
    try:
        info = os.stat(path)
    except OSError:
        return None
    return info if stat.S_ISREG(info.st_mode) else None


def _mark(path: str, info: os.stat_result | None, small: bool) -> str:
    if info is None:
        return "unreadable"
    if not small:
        return f"{info.st_size} {info.st_mtime_ns}"
    try:
        return hashlib.blake2b(Path(path).read_bytes(), digest_size=16).hexdigest()
    except OSError as error:
        return f"unreadable {error.errno}"


def scan(roots: Sequence[str | Path], label: str) -> FileSource:
    """All pictures that some roots stand for: see `dlic_datamodules.roots.expand`.

    Hidden files and folders are left out, links followed (a loop of links is walked once), and pictures are told by
    their suffix alone: what is none inside shows when it is decoded.

    Args:
        roots: Folders, pictures, lists of files, patterns.
        label: Name of the set in the cache.

    Returns:
        The set; it may be empty.

    Raises:
        DataError: A root is not there.
    """
    bases, files = [], []
    for number, root in enumerate(roots):
        base, found = expand(root)
        bases.append(base)
        files += [PictureFile(name, number, problem) for name, problem in found]
    return FileSource(label, files, bases)
