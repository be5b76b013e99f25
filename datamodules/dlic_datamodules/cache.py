"""The cache of decoded pictures: what its sets are called, which lie there; listed, checked, cleared."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dlic_datamodules.cached import (
    META,
    PARTIAL,
    PIXELS,
    CachedPictures,
    DamagedCache,
    OtherVersion,
    cache_root,
    folder_name,
    read_meta,
    set_digest,
)
from dlic_datamodules.decode import DecodeOptions
from dlic_datamodules.errors import DataError, unwritable
from dlic_datamodules.locks import Busy, locked
from dlic_datamodules.source import Source

__all__ = ["CacheEntry", "CachedPictures", "cache_key", "cache_root", "check", "clear", "entries", "lock_path"]

State = Literal["whole", "unfinished", "damaged", "of another version"]


@dataclass(frozen=True)
class CacheEntry:
    """One set in the cache root."""

    key: str
    folder: Path
    state: State
    pictures: int
    bytes: int
    where: list[str]

    @property
    def whole(self) -> bool:
        """Whether it can be read."""
        return self.state == "whole"


def cache_key(source: Source, options: DecodeOptions) -> str:
    """Name of a set's folder: its label and a digest of pictures, decoding and format."""
    return folder_name(source, set_digest(source, options))


def lock_path(root: Path, key: str) -> Path:
    """The lock file that whoever builds a set holds."""
    return root / f"{key}.lock"


def _entry(folder: Path) -> CacheEntry:
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    if folder.name.endswith(PARTIAL):
        return CacheEntry(folder.name.removesuffix(PARTIAL), folder, "unfinished", 0, size, [])
    try:
        meta = read_meta(folder)
    except DamagedCache as error:
        state: State = "of another version" if isinstance(error, OtherVersion) else "damaged"
        return CacheEntry(folder.name, folder, state, 0, size, [])
    return CacheEntry(folder.name, folder, "whole", meta["count"], size, meta["where"])


def _is_ours(folder: Path) -> bool:
    return folder.is_dir() and (folder.name.endswith(PARTIAL) or any((folder / f).is_file() for f in (META, PIXELS)))


def entries(root: str | Path | None = None) -> list[CacheEntry]:
    """What lies in the cache, unfinished and damaged sets included; other folders there are left alone.

    Raises:
        DataError: The cache root cannot be read.
    """
    base = cache_root(root)
    try:
        folders = sorted(base.iterdir()) if base.is_dir() else []
        return [_entry(folder) for folder in folders if _is_ours(folder)]
    except OSError as error:
        raise unwritable(f"{base}: the cache cannot be read", error, "Mend its permissions or the disk") from error


def _chosen(root: str | Path | None, keys: list[str] | None) -> list[CacheEntry]:
    present = entries(root)
    for key in keys or []:
        if key not in {entry.key for entry in present}:
            raise DataError(f"no cached set {key!r} in {cache_root(root)}\nSee: dlic cache list")
    return [entry for entry in present if keys is None or entry.key in keys]


def clear(root: str | Path | None = None, keys: list[str] | None = None) -> list[CacheEntry]:
    """Removes sets from the cache; those being built at this moment stay.

    Args:
        root: The cache root.
        keys: Names of sets as `entries` gives them, or None for all.

    Returns:
        What was removed.

    Raises:
        DataError: A key names no set, or one cannot be removed.
    """
    removed = []
    for entry in _chosen(root, keys):
        try:
            with locked(lock_path(cache_root(root), entry.key), "clearing the cache", wait=False):
                shutil.rmtree(entry.folder)
        except Busy:
            continue
        except OSError as error:
            raise unwritable(f"{entry.folder}: cannot be removed", error, "Mend its permissions") from error
        removed.append(entry)
    return removed


def check(root: str | Path | None = None, keys: list[str] | None = None) -> Iterator[tuple[CacheEntry, str | None]]:
    """Reads every byte of sets.

    Args:
        root: The cache root.
        keys: Names of sets as `entries` gives them, or None for all.

    Yields:
        Each set, and what is wrong with it: None where nothing is.

    Raises:
        DataError: A key names no set.
    """
    for entry in _chosen(root, keys):
        try:
            pictures = CachedPictures(entry.folder)
            for index in range(len(pictures)):
                pictures.get(index)
        except DamagedCache as error:
            yield entry, error.why
        else:
            yield entry, None
