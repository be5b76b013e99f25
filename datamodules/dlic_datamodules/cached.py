"""Decoded pictures in one memory map a set.

A set's folder holds ``pixels.u8`` (every picture's planes, one after the other), ``index.npy`` (int64 ``[n, 4]``:
offset, height, width, check of the pixels), ``names.json`` and ``meta.json``. It appears by one rename, so what is
there is whole. What a disk or a hand may have done to it since shows: the tables are checked when the set is opened,
each picture by XXH3 when a process first reads it.
"""

from __future__ import annotations

import hashlib
import io
import json
import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from dlic_datamodules.decode import DecodeOptions
from dlic_datamodules.errors import DataError, unwritable
from dlic_datamodules.source import Source
from dlic_registry.terminal import command

__all__ = [
    "FORMAT",
    "CachedPictures",
    "DamagedCache",
    "OtherVersion",
    "cache_root",
    "check_pixels",
    "folder_name",
    "read_meta",
    "seal",
    "set_digest",
]

FORMAT = 2
PIXELS, INDEX, NAMES, META = "pixels.u8", "index.npy", "names.json", "meta.json"
PARTIAL = ".partial"


class DamagedCache(DataError):
    """A cached set is not what was written."""

    def __init__(self, folder: Path, why: str) -> None:
        clear = command("dlic", "cache", "clear", folder.name)
        if folder.parent != cache_root():
            clear += " " + command("--dir", folder.parent)
        super().__init__(f"{folder}: the cache is damaged ({why})\nClear it: {clear}")
        self.why = why


class OtherVersion(DamagedCache):
    """A cached set of another format."""


def cache_root(root: str | Path | None = None) -> Path:
    """The folder of all caches: the argument, else ``$DLIC_CACHE``, else ``~/.cache/dlic``.

    Raises:
        DataError: Neither is given, and the user has no home folder.
    """
    try:
        return Path(root or os.environ.get("DLIC_CACHE") or Path.home() / ".cache" / "dlic").expanduser()
    except RuntimeError as error:
        raise DataError("there is no home folder for the cache of pictures\nSay where with DLIC_CACHE") from error


def set_digest(source: Source, options: DecodeOptions) -> str:
    """Hexadecimal digest of pictures, decoding and format."""
    what = json.dumps([FORMAT, options.as_dict(), source.fingerprint()], sort_keys=True)
    return hashlib.blake2b(what.encode(), digest_size=16).hexdigest()


def folder_name(source: Source, digest: str) -> str:
    """Name of the set's folder: its label and the start of its digest."""
    return f"{source.label}-{digest[:16]}"


def check_pixels(pixels: NDArray[np.uint8]) -> int:
    """The check of a picture's planes, an int64."""
    return int(np.uint64(xxhash.xxh3_64_intdigest(pixels.data)).astype(np.int64))


def seal(meta: dict[str, Any], tables: dict[str, bytes]) -> dict[str, Any]:
    """Adds digests: of the tables, and of the whole."""
    sealed = {**meta, "tables": {name: _digest(data) for name, data in tables.items()}}
    return {**sealed, "digest": _digest(json.dumps(sealed, sort_keys=True).encode())}


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class CachedPictures:
    """A cached set, open for reading; picklable, each process maps the file for itself.

    Args:
        folder: The set's folder.

    Raises:
        FileNotFoundError: There is no such folder.
        DamagedCache: Something in it is not what was written; `OtherVersion` where the format is another.
        DataError: It cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        os.stat(folder)
        self.meta = read_meta(folder)
        index = np.load(io.BytesIO(self._table(INDEX)), allow_pickle=False)
        self.index: NDArray[np.int64] = index
        self._table(NAMES)
        size = os.path.getsize(folder / PIXELS) if (folder / PIXELS).is_file() else -1
        if size != self.meta["bytes"]:
            raise DamagedCache(folder, f"{PIXELS} has {max(size, 0)} bytes, not {self.meta['bytes']}")
        self.channels: int = self.meta["channels"]
        self._names: list[str] | None = None
        self._close()

    def __len__(self) -> int:
        return len(self.index)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_read": None, "_places": [], "_checked": bytearray(), "_names": None}

    @property
    def failures(self) -> list[tuple[str, str]]:
        """Name and reason of each picture that could not be decoded."""
        return [(name, reason) for name, reason in self.meta["failures"]]

    def get(self, index: int) -> NDArray[np.uint8]:
        """Picture ``index`` as a read-only view, uint8 ``[C, H, W]``.

        Raises:
            DamagedCache: Its pixels are not those that were written.
        """
        read = self._read or self._open()
        offset, height, width, check = self._places[index]
        planes = read(offset, self.channels * height * width)
        if not self._checked[index]:
            if check_pixels(planes) != check:
                raise DamagedCache(self.folder, f"the pixels of {self.name(index)}")
            self._checked[index] = 1
        return planes.reshape(self.channels, height, width)

    def name(self, index: int) -> str:
        """The picture's name in its set."""
        if self._names is None:
            self._names = json.loads(self._table(NAMES))
        assert self._names is not None
        return self._names[index]

    def sizes(self) -> NDArray[np.int64]:
        """Heights and widths, int64 ``[n, 2]``."""
        return self.index[:, 1:3]

    def _table(self, name: str) -> bytes:
        data = _read_file(self.folder, name)
        if _digest(data) != self.meta["tables"][name]:
            raise DamagedCache(self.folder, name)
        return data

    def _close(self) -> None:
        self._read: Callable[[int, int], NDArray[np.uint8]] | None = None
        self._places: list[tuple[int, int, int, int]] = []
        self._checked = bytearray()

    def _open(self) -> Callable[[int, int], NDArray[np.uint8]]:
        """Once a process: maps the pixels, or where the file system cannot, reads them piece by piece."""
        try:
            file = open(self.folder / PIXELS, "rb")  # noqa: SIM115  # stays open as long as the set
            size = os.fstat(file.fileno()).st_size
        except OSError as error:
            remedy = "Was it cleared while it was in use? Run the command again"
            raise unwritable(f"{self.folder}: the cache cannot be read", error, remedy) from error
        # Reading beyond the end of a map would kill the process.
        if size != self.meta["bytes"]:
            raise DamagedCache(self.folder, f"{PIXELS} has {size} bytes, not {self.meta['bytes']}")
        try:
            # A plain array over the map: slicing a np.memmap costs ten times as much.
            flat = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
            file.close()
        except (OSError, ValueError):  # an empty file cannot be mapped either
            read = _reader(file)
        else:
            read = _slicer(flat)
        self._places = [(int(o), int(h), int(w), int(check)) for o, h, w, check in self.index]
        self._checked = bytearray(len(self.index))
        self._read = read
        return read


def _slicer(flat: NDArray[np.uint8]) -> Callable[[int, int], NDArray[np.uint8]]:
    return lambda offset, length: flat[offset : offset + length]


def _reader(file: io.BufferedReader) -> Callable[[int, int], NDArray[np.uint8]]:
    def read(offset: int, length: int) -> NDArray[np.uint8]:
        # Not by seek: forked loader processes share the file's position.
        return np.frombuffer(os.pread(file.fileno(), length, offset), np.uint8)

    return read


def read_meta(folder: Path) -> dict[str, Any]:
    """What is said of a set, as it was written.

    Raises:
        DamagedCache: It is not, or was never finished; `OtherVersion` where the format is another.
        DataError: It cannot be read.
    """
    data = _read_file(folder, META)
    try:
        meta = json.loads(data)
        version = meta["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DamagedCache(folder, META) from None
    if version != FORMAT:
        raise OtherVersion(folder, "it is of another version")
    stated = meta.pop("digest", None)
    if stated != _digest(json.dumps(meta, sort_keys=True).encode()):
        raise DamagedCache(folder, META)
    return dict(meta)


def _read_file(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise DamagedCache(folder, f"no {name}") from None
    except OSError as error:
        remedy = "Mend its permissions or the disk, or point DLIC_CACHE elsewhere"
        raise unwritable(f"{folder / name}: the cache cannot be read", error, remedy) from error
