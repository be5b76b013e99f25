"""Faces: from the hub or from the folders that CelebA, FFHQ, LFW and the AT&T set come in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from dlic_datamodules.base import PictureDataModule, Splits
from dlic_datamodules.errors import DataError, printable
from dlic_datamodules.folder import divide, divide_groups, named_folders
from dlic_datamodules.hub import HubSource, hub_errors, open_splits
from dlic_datamodules.source import FileSource, scan

__all__ = ["FacesDataModule"]

_IDENTITY_FILE = "identity_CelebA.txt"
_IDENTITY_COLUMNS = ("celeb_id", "identity", "person", "subject", "name")


class FacesDataModule(PictureDataModule):
    """Faces, split so that nobody is on both sides; who they are goes no further than that.

    Give one of `repo` and `root`. People are told apart by ``identity_CelebA.txt`` (CelebA), by the folder of each
    person (LFW, AT&T), by file names that end in a number (``s01_3.png``), or by the hub set's identity column; where
    nothing tells, each picture counts as one person (FFHQ has one picture each).

    Args:
        root: A local folder; with sub-folders ``train`` and ``valid`` it is split by them.
        repo: A data set of the Hugging Face hub with a column of pictures, such as ``flwrlabs/celeba``, or a local
            folder of its parquet files.
        valid_fraction: Share of the people to validate on where the set has no split of its own.
        shared: See `PictureDataModule`; ``gray=True`` gives the black-and-white training.

    Raises:
        DataError: Neither or both are given, or the pictures are not there.
    """

    def __init__(
        self, root: str | None = None, *, repo: str | None = None, valid_fraction: float = 0.05, **shared: Any
    ) -> None:
        super().__init__(**shared)
        if (root is None) == (repo is None):
            raise DataError("faces: give either data.args.root (a local folder) or data.args.repo (a hub data set)")
        if not 0 <= valid_fraction < 1:
            raise DataError(f"data.args.valid_fraction must be at least 0 and below 1, not {valid_fraction!r}")
        self.root = Path(root).expanduser() if root is not None else None
        self.repo = repo
        self.valid_fraction = valid_fraction

    def splits(self) -> Splits:
        """Finds the pictures."""
        return self._local(self.root) if self.root is not None else self._hub(str(self.repo))

    def _local(self, root: Path) -> Splits:
        if not root.is_dir():
            raise DataError(
                f"data.args.root: no folder {printable(str(root))}\n"
                "Give a folder of faces (CelebA, FFHQ, LFW, AT&T), or a hub set as data.args.repo"
            )
        train = named_folders([root], "train")
        if train and (valid := named_folders([root], "valid")):
            return Splits(scan(train, "faces-train"), scan(valid, "faces-valid"))
        source = scan([root], "faces-train")
        if not len(source):
            raise DataError(f"no pictures under {printable(str(root))}\nGive the folder that holds the faces")
        parts = divide(source, self.valid_fraction, "faces", people(source, root))
        return Splits(*parts)

    def _hub(self, repo: str) -> Splits:
        with hub_errors(repo):
            parts = open_splits(repo)
            train = parts["train"]
            if "valid" in parts:
                return Splits(HubSource("faces-train", train, repo), HubSource("faces-valid", parts["valid"], repo))
            column = next((name for name in _IDENTITY_COLUMNS if name in train.features), None)
            groups = [str(i) for i in range(len(train))] if column is None else [str(who) for who in train[column]]
            kept, held = divide_groups(groups, self.valid_fraction)
            valid = HubSource("faces-valid", train, repo, held) if held else None
            return Splits(HubSource("faces-train", train, repo, kept), valid)


def people(source: FileSource, root: Path) -> list[str]:
    """Who is on each picture, as far as files tell; one word a picture."""
    names = [source.file(index).name for index in range(len(source))]
    listing = next(iter(sorted(root.rglob(_IDENTITY_FILE))), None)
    if listing is not None:
        listed = dict(line.split()[:2] for line in listing.read_text("ascii", "replace").splitlines() if " " in line)
        return [f"id {listed[Path(name).name]}" if Path(name).name in listed else name for name in names]
    stems = [Path(name).stem for name in names]
    # The same numbers in every folder (AT&T: s1/1.pgm, s2/1.pgm) say nothing; the folders do.
    if 2 * len(set(stems)) <= len(stems):
        return [str(Path(name).parent) for name in names]
    return [re.sub(r"_\d+$", "", stem) for stem in stems]
