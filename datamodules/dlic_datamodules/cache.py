"""Decoded pictures in one memory map a set.

A set's folder holds ``pixels.u8`` (every picture's planes, one after the other), ``index.npy`` (int64 ``[n, 3]``:
offset, height, width), ``names.json`` and ``meta.json``. It appears by one rename, so what is there is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from dlic_datamodules.decode import DecodeOptions
from dlic_datamodules.errors import DataError
from dlic_datamodules.source import Source

__all__ = ["FORMAT", "CacheEntry", "CachedPictures", "cache_key", "cache_root", "clear", "entries"]

FORMAT = 1
PIXELS, INDEX, NAMES, META = "pixels.u8", "index.npy", "names.json", "meta.json"
PARTIAL = ".partial"


def cache_root(root: str | Path | None = None) -> Path:
    """The folder of all caches: the argument, else ``$DLIC_CACHE``, else ``~/.cache/dlic``."""
    return Path(root or os.environ.get("DLIC_CACHE") or Path.home() / ".cache" / "dlic").expanduser()


def cache_key(source: Source, options: DecodeOptions) -> str:
    """Name of the set's folder: its label and a digest of pictures, decoding and format."""
    what = json.dumps([FORMAT, options.as_dict(), source.fingerprint()], sort_keys=True)
    return f"{source.label}-{hashlib.blake2b(what.encode(), digest_size=8).hexdigest()}"


class CachedPictures:
    """A cached set, open for reading; picklable, each process maps the file for itself.

    Args:
        folder: The set's folder.

    Raises:
        DataError: The folder holds no cache of this format.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.meta: dict[str, Any] = json.loads((folder / META).read_text("utf-8"))
            self.index: NDArray[np.int64] = np.load(folder / INDEX, allow_pickle=False)
            size = (folder / PIXELS).stat().st_size
        except (OSError, ValueError) as error:
            raise DataError(f"{folder}: not a readable cache ({error})\nRemove it with: dlic cache clear") from error
        if self.meta.get("format") != FORMAT or self.meta.get("bytes") != size or len(self.index) != self.meta["count"]:
            raise DataError(f"{folder}: the cache is damaged or of another version\nRemove it with: dlic cache clear")
        self.channels: int = self.meta["channels"]
        self._flat: NDArray[np.uint8] | None = None
        self._places: list[tuple[int, int, int]] = []
        self._names: list[str] | None = None

    def __len__(self) -> int:
        return len(self.index)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_flat": None, "_places": [], "_names": None}

    @property
    def failures(self) -> list[tuple[str, str]]:
        """Name and reason of each picture that could not be decoded."""
        return [(name, reason) for name, reason in self.meta["failures"]]

    def get(self, index: int) -> NDArray[np.uint8]:
        """Picture ``index`` as a read-only view, uint8 ``[C, H, W]``."""
        if self._flat is None:
            self._open()
        assert self._flat is not None
        offset, height, width = self._places[index]
        shape = (self.channels, height, width)
        return self._flat[offset : offset + self.channels * height * width].reshape(shape)

    def name(self, index: int) -> str:
        """The picture's name in its set."""
        if self._names is None:
            self._names = json.loads((self.folder / NAMES).read_text("utf-8"))
        assert self._names is not None
        return self._names[index]

    def sizes(self) -> NDArray[np.int64]:
        """Heights and widths, int64 ``[n, 2]``."""
        return self.index[:, 1:]

    def _open(self) -> None:
        # A plain array over the map: slicing a np.memmap costs ten times as much.
        mapped = np.memmap(self.folder / PIXELS, np.uint8, "r") if self.meta["bytes"] else np.empty(0, np.uint8)
        self._places = [(int(o), int(h), int(w)) for o, h, w in self.index]
        self._flat = np.asarray(mapped)


@dataclass(frozen=True)
class CacheEntry:
    """One set in the cache root, for listing."""

    key: str
    folder: Path
    pictures: int
    bytes: int
    where: list[str]
    whole: bool


def _entry(folder: Path) -> CacheEntry | None:
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    if folder.name.endswith(PARTIAL):
        return CacheEntry(folder.name.removesuffix(PARTIAL), folder, 0, size, [], False)
    try:
        meta = json.loads((folder / META).read_text("utf-8"))
        return CacheEntry(folder.name, folder, meta["count"], size, meta["where"], True)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_ours(folder: Path) -> bool:
    return folder.is_dir() and ((folder / META).is_file() or folder.name.endswith(PARTIAL))


def entries(root: str | Path | None = None) -> list[CacheEntry]:
    """What lies in the cache, unfinished builds included; other folders there are left alone."""
    base = cache_root(root)
    if not base.is_dir():
        return []
    found = (_entry(folder) for folder in sorted(base.iterdir()) if _is_ours(folder))
    return [entry for entry in found if entry is not None]


def clear(root: str | Path | None = None, keys: list[str] | None = None) -> list[CacheEntry]:
    """Removes sets from the cache; those being built at this moment stay.

    Args:
        root: The cache root.
        keys: Names of sets as `entries` gives them, or None for all.

    Returns:
        What was removed.

    Raises:
        DataError: A key names no set.
    """
    present = entries(root)
    for key in keys or []:
        if key not in {entry.key for entry in present}:
            raise DataError(f"no cached set {key!r} in {cache_root(root)}\nSee: dlic cache list")
    removed = []
    for entry in present:
        if keys is not None and entry.key not in keys:
            continue
        try:
            with FileLock(lock_path(cache_root(root), entry.key), timeout=0):
                shutil.rmtree(entry.folder)
        except Timeout:
            continue
        removed.append(entry)
    return removed


def lock_path(root: Path, key: str) -> Path:
    """The lock file that whoever builds a set holds."""
    return root / f"{key}.lock"
