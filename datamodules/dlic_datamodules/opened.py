"""The parts of a set of pictures as they are opened: decoded or cached, and what is left out of them."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pytorch_lightning import LightningDataModule

from dlic_datamodules.cache_build import open_cache
from dlic_datamodules.cache_parts import Part, cache_part
from dlic_datamodules.cached import CachedPictures
from dlic_datamodules.decode import DecodeOptions
from dlic_datamodules.decoded import DecodedPictures, Pictures
from dlic_datamodules.errors import DataError
from dlic_datamodules.policy import write_listing
from dlic_datamodules.source import Source, scan
from dlic_datamodules.validation import ValidSets
from dlic_datamodules.validation import valid_sets as check_sets

__all__ = ["OpenedParts", "Splits"]

_log = logging.getLogger("dlic.data")


@dataclass
class Splits:
    """A set's parts; `test` falls back to `valid`."""

    train: Source | None = None
    valid: Source | None = None
    test: Source | None = None


class OpenedParts(LightningDataModule):
    """A set's parts, each found, decoded or cached once, when it is first asked for.

    Args:
        options: How pictures are decoded.
        cache: Whether they are kept in a memory map.
        cache_dir: Root of the cache; by default ``$DLIC_CACHE`` or ``~/.cache/dlic``.
        on_error: ``raise`` stops at a picture that cannot be used, ``skip`` leaves it out and lists it.
        max_failed: Largest share of pictures that may be left out.
        valid_sets: More sets to validate on, by name.
    """

    def __init__(
        self,
        options: DecodeOptions,
        *,
        cache: bool,
        cache_dir: str | None,
        on_error: Literal["raise", "skip"],
        max_failed: float,
        valid_sets: ValidSets | None,
    ) -> None:
        super().__init__()
        self.options, self.cache, self.cache_dir = options, cache, cache_dir
        self.on_error, self.max_failed = on_error, max_failed
        self.valid_sets = check_sets(valid_sets)
        self._run_dir: Path | None = None
        self._splits: Splits | None = None
        self._opened: dict[str, Pictures | None] = {}
        self._skipped: list[tuple[str, str, str]] = []

    # What a set defines.

    def splits(self) -> Splits:
        """Finds the set's pictures without decoding them.

        Raises:
            DataError: They are not there; the message says where they were looked for and how to get them.
        """
        raise NotImplementedError

    # What is asked of it.

    def pictures(self, split: str) -> Pictures | None:
        """The decoded pictures of ``train``, ``valid``, ``test`` or a further validation set.

        None where the set has no such part.
        """
        if split not in self._opened and split in self.valid_sets:
            self._opened[split] = self._open(split, scan(self._places(split), split))
        if split not in self._opened:
            source: Source | None = getattr(self._found(), split)
            if split == "test" and source is None:
                self._opened[split] = self.pictures("valid")
            else:
                self._opened[split] = None if source is None else self._open(split, source)
        return self._opened[split]

    def sources(self) -> dict[str, Source]:
        """The pictures of each part that the set has, none of them decoded."""
        found = {name: getattr(self._found(), name) for name in ("train", "valid", "test")}
        return {name: source for name, source in found.items() if source is not None and len(source)}

    def cache_part(self, split: str, part: Part) -> tuple[int, bool]:
        """Caches some of a split's pictures, on a disk that several machines share; see `cache_parts.cache_part`."""
        return cache_part(
            self.sources()[split],
            self.options,
            part,
            root=self.cache_dir,
            on_error=self.on_error,
            max_failed=self.max_failed,
        )

    def summary(self) -> dict[str, Any]:
        """What the set holds, in plain types, for a run's records: pictures a split, cache keys, skipped ones."""
        opened = {split: pictures for split, pictures in self._opened.items() if pictures is not None}
        return {
            "set": type(self).__name__,
            "pictures": {split: len(pictures) for split, pictures in opened.items()},
            "cache": {split: p.folder.name for split, p in opened.items() if isinstance(p, CachedPictures)},
            "skipped": len(self._skipped),
        }

    # How it is done.

    def _found(self) -> Splits:
        if self._splits is None:
            self._splits = self.splits()
        return self._splits

    def _places(self, name: str) -> list[str]:
        return [os.path.expanduser(root) for root in self.valid_sets[name]]

    def _open(self, split: str, source: Source) -> Pictures:
        if not len(source):
            raise DataError(f"no {split} pictures under {', '.join(source.where())}")
        if not self.cache:
            return DecodedPictures(source, self.options)
        cached = open_cache(
            source, self.options, root=self.cache_dir, on_error=self.on_error, max_failed=self.max_failed
        )
        if self._leave_out([(split, name, reason) for name, reason in cached.failures]) and self._place()[0] == 0:
            _log.warning("%d of %d %s pictures are skipped", len(cached.failures), len(source), split)
        if not len(cached):
            name, reason = cached.failures[0]
            raise DataError(f"none of the {len(source)} {split} pictures can be used\nThe first is {name}: {reason}")
        return cached

    def _leave_out(self, rows: list[tuple[str, str, str]]) -> bool:
        """Lists pictures that are left out, each by split, name and reason; whether any was not listed before."""
        new = [row for row in rows if row not in self._skipped]
        self._skipped += new
        if new:
            self._write_skipped()
        return bool(new)

    def _write_skipped(self) -> None:
        if self._run_dir is not None and self._skipped and self._place()[0] == 0:
            self._run_dir.mkdir(parents=True, exist_ok=True)
            write_listing(self._run_dir / "skipped.csv", self._skipped)

    def _place(self) -> tuple[int, int]:
        """Rank and number of ranks."""
        if self.trainer is not None:
            return self.trainer.global_rank, self.trainer.world_size
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        return 0, 1
