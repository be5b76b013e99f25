"""Pairs of pictures in folders: large ones, and the small ones that a stage is to enlarge."""

from __future__ import annotations

import logging
import os
from typing import Any, ClassVar

from dlic_datamodules.arguments import check
from dlic_datamodules.base import Splits
from dlic_datamodules.cached import CachedPictures
from dlic_datamodules.decoded import Pictures
from dlic_datamodules.errors import DataError, printable
from dlic_datamodules.folder import FolderDataModule
from dlic_datamodules.pairs import PairCrops, PairedPictures, WholePairs, match
from dlic_datamodules.source import FileSource, Source, scan

__all__ = ["PairedDataModule"]

_log = logging.getLogger("dlic.data")
_SIDES = ("large", "small")


class PairedDataModule(FolderDataModule):
    """Large pictures with small ones of your own making (LR and HR): batches carry ``base``, the small ones.

    Pairs are found by name, without what tells the sides apart: ``0001.png`` and ``0001x4.png``, ``a_HR.png`` and
    ``a_LR.jpg``.

    Args:
        root: Folders, lists or patterns of the large pictures, as of `folder`.
        base: Folders, lists or patterns of the small pictures, of all parts.
        scale: Whole factor between their sides; that of the first pair unless given.
        train: As of `folder`.
        valid: As of `folder`.
        valid_fraction: As of `folder`.
        shared: See `PictureDataModule`.

    Raises:
        DataError: A folder is missing, a picture has no partner, or the sizes of a pair do not fit.
    """

    path_args = (*FolderDataModule.path_args, "base")
    crops: ClassVar[type[PairCrops]] = PairCrops
    whole: ClassVar[type[WholePairs]] = WholePairs

    def __init__(
        self,
        root: str | list[str] | None = None,
        *,
        base: str | list[str],
        scale: int | None = None,
        train: str | list[str] | None = None,
        valid: str | list[str] | None = None,
        valid_fraction: float = 0.1,
        **shared: Any,
    ) -> None:
        super().__init__(root, train=train, valid=valid, valid_fraction=valid_fraction, **shared)
        check(scale is None or 1 <= scale <= 64, "scale", scale, "a whole number from 1 to 64")
        check(self.options.downsize == 1, "downsize", self.options.downsize, "1 for pairs")
        if self._transform is not None:
            raise DataError("data.args.transform: pairs are taken as they are\nRemove it, or take another set")
        self.bases = [base] if isinstance(base, str) else list(base)
        if not self.bases or "" in self.bases:
            raise DataError("data.args.base names no folder\nGive the folder that holds the small pictures")
        self.scale = scale
        self._small: FileSource | None = None

    def splits(self) -> Splits:
        """Finds the pictures, and that each has a partner."""
        found = super().splits()
        self._small = scan([os.path.expanduser(base) for base in self.bases], "base")
        used: set[int] = set()
        for source in (found.train, found.valid, found.test):
            if isinstance(source, FileSource):
                used.update(match(source, self._small))
        spare = [printable(self._small.name(i)) for i in range(len(self._small)) if i not in used]
        if spare:
            shown = ", ".join(spare[:3]) + ", ..." * (len(spare) > 3)
            _log.warning("%d small pictures have no large one of their name, and are left out: %s", len(spare), shown)
        return found

    def _open(self, split: str, source: Source) -> Pictures:
        if split in self.valid_sets:
            return super()._open(split, source)
        assert isinstance(source, FileSource)
        assert self._small is not None
        files, numbers = self._small.files(), match(source, self._small)
        chosen = FileSource(f"{source.label}-base", [files[i] for i in numbers], self._small.roots)
        names = [(source.name(i), chosen.name(i)) for i in range(len(source))]
        pairs = PairedPictures(super()._open(split, source), super()._open(split, chosen), names, self.scale)
        self.scale = pairs.scale
        if self.crop % pairs.scale:
            fitting = self.crop // pairs.scale * pairs.scale or pairs.scale
            raise DataError(f"data.args.crop is {self.crop}, which scale {pairs.scale} does not divide\nTake {fitting}")
        return pairs

    def summary(self) -> dict[str, Any]:
        """As of every set, with both sides' cache keys and the scale."""
        opened = {split: pairs for split, pairs in self._opened.items() if isinstance(pairs, PairedPictures)}
        sides = [(f"{split} {side}", getattr(pairs, side)) for split, pairs in opened.items() for side in _SIDES]
        caches = {name: pictures.folder.name for name, pictures in sides if isinstance(pictures, CachedPictures)}
        return {**super().summary(), "cache": caches, "scale": self.scale}
