"""A cache that several machines build, each a part, on a disk that they share; whoever ends last joins the parts."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from dlic_datamodules.cache import lock_path
from dlic_datamodules.cache_build import join_caches, open_cache, present
from dlic_datamodules.cached import CachedPictures, cache_root, folder_name, set_digest
from dlic_datamodules.decode import DecodeOptions
from dlic_datamodules.errors import DataError, unwritable
from dlic_datamodules.locks import locked
from dlic_datamodules.policy import check_failures
from dlic_datamodules.source import Source

__all__ = ["Part", "PartSource", "cache_part"]

_log = logging.getLogger("dlic.data")
_MOST = 9999


@dataclass(frozen=True)
class Part:
    """One of several parts of about equal size, counted from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Part:
        """Reads ``3/16``.

        Raises:
            DataError: It is no such thing.
        """
        found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text.strip())
        number, of = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= number <= of <= _MOST:
            raise DataError(f"--part {text}: write 3/16 for the third of sixteen parts")
        return cls(number, of)

    def span(self, count: int) -> range:
        """Numbers of the pictures in it, of so many."""
        return range((self.number - 1) * count // self.of, self.number * count // self.of)


class PartSource:
    """Part of a set of pictures, as a set of its own.

    Args:
        source: The whole set.
        part: Which part.
    """

    def __init__(self, source: Source, part: Part) -> None:
        self.source, self.part = source, part
        self.label = f"{source.label}.part-{part.number}-of-{part.of}"
        self._span = part.span(len(source))

    def __len__(self) -> int:
        return len(self._span)

    def name(self, index: int) -> str:
        """The picture's name in the whole set."""
        return self.source.name(self._span[index])

    def is_raw(self, index: int) -> bool:
        """Whether the bytes are a camera's raw file."""
        return self.source.is_raw(self._span[index])

    def read(self, index: int, limit: int) -> bytes:
        """The encoded bytes."""
        return self.source.read(self._span[index], limit)

    def fingerprint(self) -> str:
        """Of the whole set, and which part it is."""
        what = f"{self.source.fingerprint()} {self.part.number}/{self.part.of}"
        return hashlib.blake2b(what.encode(), digest_size=16).hexdigest()

    def where(self) -> list[str]:
        """Where the whole set lies."""
        return self.source.where()


def cache_part(
    source: Source,
    options: DecodeOptions,
    part: Part,
    *,
    root: str | Path | None = None,
    on_error: str = "raise",
    max_failed: float = 0.05,
) -> tuple[int, bool]:
    """Caches a part of a set, and joins all parts where the others are there already.

    The joined cache is the same to the byte as one that a single process built. What is there is not made again.

    Args:
        source: The whole set.
        options: How to decode it.
        part: Which part.
        root: The cache root, a folder that all machines share (`cache_root`).
        on_error: As `open_cache`.
        max_failed: As `open_cache`.

    Returns:
        Pictures in this part, and whether the whole set is cached now.

    Raises:
        DataError: As `open_cache`.
    """
    base, digest = cache_root(root), set_digest(source, options)
    folder = base / folder_name(source, digest)
    size = len(part.span(len(source)))
    if present(folder, digest) is not None:
        return size, True
    policy = {"root": root, "on_error": on_error, "max_failed": max_failed}
    if size:
        open_cache(PartSource(source, part), options, **policy)  # type: ignore[arg-type]
    made = _all_parts(source, options, part.of, base)
    if made is None:
        return size, False
    try:
        with locked(lock_path(base, folder.name), f"joining the cache {folder.name}") as alone:
            if present(folder, digest) is None:
                check_failures([row for each in made for row in each.failures], len(source), on_error, max_failed)
                join_caches(made, source, options, folder, digest, alone)
                _log.info("joined %d parts: %s", part.of, folder.name)
        for each in made:
            shutil.rmtree(each.folder, ignore_errors=True)
    except OSError as error:
        raise unwritable(
            f"cannot write the cache {folder}", error, "Point DLIC_CACHE at a folder with space"
        ) from error
    return size, True


def _all_parts(source: Source, options: DecodeOptions, of: int, base: Path) -> list[CachedPictures] | None:
    found = []
    for number in range(1, of + 1):
        each = PartSource(source, Part(number, of))
        if not len(each):
            continue
        digest = set_digest(each, options)
        there = present(base / folder_name(each, digest), digest)
        if there is None:
            return None
        found.append(there)
    return found
