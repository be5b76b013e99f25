"""Any folders of pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlic_datamodules.base import PictureDataModule, Splits
from dlic_datamodules.errors import DataError, printable
from dlic_datamodules.source import FileSource, PictureFile, scan

__all__ = ["FolderDataModule", "divide"]

Paths = str | Sequence[str]
_TRAIN = ("train", "training")
_VALID = ("valid", "val", "validation")
_TEST = ("test", "testing")


class FolderDataModule(PictureDataModule):
    """Pictures in any folders, however nested, split by sub-folder or by share.

    Args:
        root: One folder or several. A root with sub-folders called ``train`` and ``valid`` (``val``, ``validation``,
            ``test``) is split by them.
        train: Sub-folders of the roots (or absolute paths) to train on.
        valid: Sub-folders of the roots (or absolute paths) to validate on.
        valid_fraction: Share of the training pictures to validate on where no folder says which; chosen by a hash of
            the name, so that adding pictures moves few of the others.
        shared: See `PictureDataModule`.

    Raises:
        DataError: A folder is missing or holds no pictures.
    """

    def __init__(
        self,
        root: str | list[str],
        *,
        train: str | list[str] | None = None,
        valid: str | list[str] | None = None,
        valid_fraction: float = 0.1,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        if not 0 <= valid_fraction < 1:
            raise DataError(f"data.args.valid_fraction must be at least 0 and below 1, not {valid_fraction!r}")
        self.roots = [Path(path).expanduser() for path in _listed(root)]
        self.train_paths, self.valid_paths = train, valid
        self.valid_fraction = valid_fraction

    def splits(self) -> Splits:
        """Finds the pictures."""
        for root in self.roots:
            if not root.is_dir():
                raise DataError(
                    f"data.args.root: no folder {printable(str(root))}\nGive the folder that holds the pictures"
                )
        train = self._given(self.train_paths) or self._named(_TRAIN) or self.roots
        valid = self._given(self.valid_paths) or ([] if self.train_paths else self._named(_VALID))
        test = self._named(_TEST)
        label = _label(self.roots)
        pictures = scan(train, f"{label}-train")
        if not len(pictures):
            folders = ", ".join(printable(str(folder)) for folder in train)
            raise DataError(
                f"no pictures under {folders}\nPNG, JPEG, WebP, TIFF and other files count, by their suffix"
            )
        parts = Splits(pictures, test=scan(test, f"{label}-test") if test else None)
        if valid:
            parts.valid = scan(valid, f"{label}-valid")
        else:
            parts.train, parts.valid = divide(pictures, self.valid_fraction, label)
        return parts

    def _given(self, paths: Paths | None) -> list[Path]:
        """Folders an argument names, each below whichever root has it."""
        found = []
        for path in _listed(paths or []):
            places = [place for root in self.roots if (place := root / Path(path).expanduser()).is_dir()]
            if not places:
                roots = ", ".join(printable(str(root)) for root in self.roots)
                raise DataError(f"no folder {printable(path)} under {roots}\nMend data.args.train or data.args.valid")
            found += [place for place in places if place not in found]
        return found

    def _named(self, names: Sequence[str]) -> list[Path]:
        """Sub-folders with one of the names, if every root has a training one."""
        if not all(any((root / name).is_dir() for name in _TRAIN) for root in self.roots):
            return []
        return [root / name for root in self.roots for name in names if (root / name).is_dir()]


def _listed(paths: Paths) -> list[str]:
    return [str(paths)] if isinstance(paths, (str, Path)) else [str(path) for path in paths]


def _label(roots: Sequence[Path]) -> str:
    """A short name for the cache's folder, safe on any file system."""
    name = "+".join(root.resolve().name for root in roots)
    return "".join(c if c.isascii() and (c.isalnum() or c in "._+-") else "_" for c in name)[:40] or "folder"


def divide(
    source: FileSource, fraction: float, label: str, groups: Sequence[str] | None = None
) -> tuple[FileSource, FileSource | None]:
    """Splits a set in two by a hash of the names.

    Args:
        source: All pictures.
        fraction: Share that goes to the second part; at least one picture (or group) of two, unless it is 0.
        label: Start of the parts' names in the cache.
        groups: A group a picture; no group is on both sides.

    Returns:
        The two parts; the second is None where it would be empty.
    """
    files = source.files()
    groups = groups or [file.name for file in files]
    ranked = sorted(set(groups), key=lambda group: hashlib.blake2b(group.encode("utf-8", "surrogateescape")).digest())
    count = min(max(1, round(fraction * len(ranked))), len(ranked) - 1) if fraction else 0
    chosen = set(ranked[:count])
    parts: list[list[PictureFile]] = [[], []]
    for file, group in zip(files, groups, strict=True):
        parts[group in chosen].append(file)
    train = FileSource(f"{label}-train", parts[0], source.roots)
    return train, FileSource(f"{label}-valid", parts[1], source.roots) if parts[1] else None
