"""Any folders of pictures."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlic_datamodules.base import PictureDataModule, Splits
from dlic_datamodules.errors import DataError, printable
from dlic_datamodules.places import place
from dlic_datamodules.roots import exists
from dlic_datamodules.source import FileSource, scan

__all__ = ["FolderDataModule", "divide", "divide_groups", "named_folders"]

Paths = str | Sequence[str]
_NAMES = {
    "train": ("train", "training"),
    "valid": ("valid", "val", "validation"),
    "test": ("test", "testing"),
}


class FolderDataModule(PictureDataModule):
    """Pictures in any folders, however nested, split by sub-folder or by share.

    Args:
        root: One folder or several; ``$DLIC_DATA/photos`` by default. A root with sub-folders called
            ``train`` and ``valid`` (``val``, ``validation``, ``test``) is split by them. A picture, a list of files
            (``.txt``, a path a line) or a pattern (``a/**/*.png``) does, too, here and below.
        train: Sub-folders of the roots (or absolute paths) to train on.
        valid: Sub-folders of the roots (or absolute paths) to validate on.
        valid_fraction: Share of the training pictures to validate on where no folder says which; chosen by a hash of
            the name, so that adding pictures moves few of the others.
        shared: See `PictureDataModule`.

    Raises:
        DataError: A folder is missing or holds no pictures.
    """

    default_root = "photos"

    def __init__(
        self,
        root: str | list[str] | None = None,
        *,
        train: str | list[str] | None = None,
        valid: str | list[str] | None = None,
        valid_fraction: float = 0.1,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        if not 0 <= valid_fraction < 1:
            raise DataError(f"data.args.valid_fraction must be at least 0 and below 1, not {valid_fraction!r}")
        self.roots = [place(path, self.default_root) for path in (_listed(root) if root is not None else [None])]
        if not self.roots or (root is not None and "" in _listed(root)):
            raise DataError("data.args.root names no folder\nGive the folder that holds the pictures")
        self.train_paths, self.valid_paths = train, valid
        self.valid_fraction = valid_fraction

    def splits(self) -> Splits:
        """Finds the pictures."""
        for root in self.roots:
            if not exists(root):
                what = "pictures match" if glob.has_magic(str(root)) else "folder"
                raise DataError(
                    f"data.args.root: no {what} {printable(str(root))}\nGive the folder that holds the pictures"
                )
        train = self._given(self.train_paths) or named_folders(self.roots, "train") or self.roots
        valid = self._given(self.valid_paths) or ([] if self.train_paths else named_folders(self.roots, "valid"))
        test = named_folders(self.roots, "test")
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
            below = dict.fromkeys(root / Path(path).expanduser() for root in self.roots)
            places = [folder for folder in below if exists(folder)]
            if not places:
                roots = ", ".join(printable(str(root)) for root in self.roots)
                raise DataError(f"no folder {printable(path)} under {roots}\nMend data.args.train or data.args.valid")
            found += [place for place in places if place not in found]
        return found


def named_folders(roots: Sequence[Path], part: str) -> list[Path]:
    """The roots' sub-folders that are called after a part, if every root has one to train on."""
    if not all(any((root / name).is_dir() for name in _NAMES["train"]) for root in roots):
        return []
    return [root / name for root in roots for name in _NAMES[part] if (root / name).is_dir()]


def _listed(paths: Paths) -> list[str]:
    return [str(paths)] if isinstance(paths, (str, Path)) else [str(path) for path in paths]


def _label(roots: Sequence[Path]) -> str:
    """A short name for the cache's folder, safe on any file system."""
    name = "+".join(root.resolve().name for root in roots)
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._+-") else "_" for c in name)
    # What a command takes for a name, not for an option or a hidden folder.
    return safe.lstrip("-.")[:40] or "folder"


def divide_groups(groups: Sequence[str], fraction: float) -> tuple[list[int], list[int]]:
    """Numbers of the members of two parts; a group is in one of them, chosen by a hash of its name.

    Args:
        groups: The group of each member.
        fraction: Share of the groups in the second part; at least one of two or more, unless it is 0.
    """
    ranked = sorted(set(groups), key=lambda group: hashlib.blake2b(group.encode("utf-8", "surrogateescape")).digest())
    count = min(max(1, round(fraction * len(ranked))), len(ranked) - 1) if fraction else 0
    chosen = set(ranked[:count])
    kept = [number for number, group in enumerate(groups) if group not in chosen]
    return kept, [number for number, group in enumerate(groups) if group in chosen]


def divide(
    source: FileSource, fraction: float, label: str, groups: Sequence[str] | None = None
) -> tuple[FileSource, FileSource | None]:
    """Splits a set in two by a hash of the names.

    Args:
        source: All pictures.
        fraction: Share that goes to the second part (`divide_groups`).
        label: Start of the parts' names in the cache.
        groups: A group a picture; by default each is its own.

    Returns:
        The two parts; the second is None where it would be empty.
    """
    files = source.files()
    kept, held = divide_groups(groups or [f"{file.root} {file.name}" for file in files], fraction)
    train = FileSource(f"{label}-train", [files[i] for i in kept], source.roots)
    valid = FileSource(f"{label}-valid", [files[i] for i in held], source.roots)
    return train, valid if len(valid) else None
