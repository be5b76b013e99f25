"""RAISE (Dang-Nguyen et al. 2015): 8156 camera raw photographs, and its subsets from 1k up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlic_datamodules.base import PictureDataModule, Splits
from dlic_datamodules.errors import DataError, printable
from dlic_datamodules.folder import divide
from dlic_datamodules.formats import RAW_SUFFIXES
from dlic_datamodules.places import place
from dlic_datamodules.raise_list import read_csv
from dlic_datamodules.source import FileSource, PictureFile, scan
from dlic_registry.terminal import command

__all__ = ["RAISEDataModule"]


class RAISEDataModule(PictureDataModule):
    """RAISE photographs in a local folder: NEF or TIFF files (8 or 16 bits), made smaller before training.

    NEF files need the extra ``raw``. Where a photograph is there in both forms, the TIFF is taken.

    Args:
        root: Folder with the NEF or TIFF files, however nested.
        csv: RAISE's own list (``RAISE_1k.csv`` ...); only photographs in it are used.
        downsize: Both sides are divided by this; the usual SRGAN training took 5 (about 980x650 pixels).
        valid_fraction: Share of the photographs to validate on, chosen by a hash of the name.
        shared: See `PictureDataModule`.

    Raises:
        DataError: The folder, the list or the photographs are not there.
    """

    path_args = (*PictureDataModule.path_args, "csv")
    default_root = "RAISE"

    def __init__(
        self,
        root: str | None = None,
        *,
        csv: str | None = None,
        downsize: float = 5.0,
        valid_fraction: float = 0.05,
        **shared: Any,
    ) -> None:
        super().__init__(downsize=downsize, **shared)
        if not 0 <= valid_fraction < 1:
            raise DataError(f"data.args.valid_fraction must be at least 0 and below 1, not {valid_fraction!r}")
        self.root = place(root, self.default_root)
        self.csv = Path(csv).expanduser() if csv is not None else None
        self.valid_fraction = valid_fraction

    def splits(self) -> Splits:
        """Finds the photographs."""
        source = scan([self.root], "raise") if self.root.is_dir() else None
        if source is None or not len(source):
            raise DataError(
                f"no RAISE photographs under {printable(str(self.root))}\n"
                f"Get them with: {command('dlic', 'prepare', 'raise', '--root', self.root)} --csv RAISE_1k.csv"
            )
        wanted = None if self.csv is None else {row.name for row in read_csv(self.csv)}
        files = one_form_each(source.files(), wanted)
        if not files:
            raise DataError(f"no photograph under {printable(str(self.root))} is in the list {self.csv}")
        chosen = FileSource("raise", files, source.roots)
        return Splits(*divide(chosen, self.valid_fraction, "raise", [Path(file.name).stem for file in files]))


def one_form_each(files: list[PictureFile], wanted: set[str] | None) -> list[PictureFile]:
    """Each photograph once, developed forms before raw ones; only names in ``wanted``, if given."""
    best: dict[str, PictureFile] = {}
    for file in sorted(files, key=lambda file: (Path(file.name).suffix.lower() in RAW_SUFFIXES, file.name)):
        stem = Path(file.name).stem
        if wanted is None or stem in wanted:
            best.setdefault(stem, file)
    return sorted(best.values(), key=lambda file: file.name)
