"""Whether a photograph of RAISE is all there: NEF and TIFF files say in their headers how far they reach."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

__all__ = ["photograph_problem"]

_MAX_DIRECTORIES, _MAX_VALUES = 64, 1 << 20
_FORMATS = {1: "B", 3: "H", 4: "I", 13: "I"}
_SUB_DIRECTORIES = 330
# Offsets and lengths of what a directory describes: strips, tiles, an embedded JPEG.
_PARTS = ((273, 279), (324, 325), (513, 514))


class _Broken(Exception):
    """The file is no TIFF, or not all of one."""


@dataclass
class _Tiff:
    file: BinaryIO
    size: int
    order: str

    def read(self, offset: int, count: int) -> bytes:
        if offset + count > self.size:
            raise _Broken(f"is cut short: it speaks of byte {offset + count:,} and has {self.size:,}")
        self.file.seek(offset)
        return self.file.read(count)

    def directory(self, offset: int) -> tuple[dict[int, tuple[int, ...]], int]:
        """Values by tag (whole numbers only), and where the next directory is."""
        (count,) = struct.unpack(self.order + "H", self.read(offset, 2))
        data = self.read(offset + 2, 12 * count + 4)
        tags = {}
        for entry in range(count):
            tag, kind, number = struct.unpack_from(self.order + "HHI", data, 12 * entry)
            if kind in _FORMATS and number <= _MAX_VALUES:
                tags[tag] = self._values(kind, number, data[12 * entry + 8 : 12 * entry + 12])
        (following,) = struct.unpack_from(self.order + "I", data, 12 * count)
        return tags, following

    def _values(self, kind: int, number: int, inline: bytes) -> tuple[int, ...]:
        layout = f"{self.order}{number}{_FORMATS[kind]}"
        length = struct.calcsize(layout)
        data = inline if length <= 4 else self.read(struct.unpack(self.order + "I", inline)[0], length)
        return struct.unpack_from(layout, data)

    def directories(self) -> Iterator[dict[int, tuple[int, ...]]]:
        waiting, seen = [struct.unpack(self.order + "I", self.read(4, 4))[0]], set[int]()
        while waiting and len(seen) < _MAX_DIRECTORIES:
            offset = waiting.pop()
            if offset and offset not in seen:
                seen.add(offset)
                tags, following = self.directory(offset)
                yield tags
                waiting += [following, *tags.get(_SUB_DIRECTORIES, ())]


def photograph_problem(path: Path) -> str | None:
    """What is wrong with a NEF or TIFF file, or None: it is neither, or ends before its pictures do.

    Only headers are read.

    Raises:
        OSError: It cannot be read.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(4)
        if head not in (b"II*\0", b"MM\0*"):
            return "is no NEF or TIFF file" if size else "is empty"
        try:
            _check(_Tiff(file, size, "<" if head[:1] == b"I" else ">"))
        except _Broken as problem:
            return str(problem)
    return None


def _check(tiff: _Tiff) -> None:
    found = False
    for tags in tiff.directories():
        for offsets, lengths in _PARTS:
            for offset, length in zip(tags.get(offsets, ()), tags.get(lengths, ()), strict=False):
                found = True
                tiff.read(offset + max(0, length - 1), min(1, length))
    if not found:
        raise _Broken("holds no picture")
