"""DIV2K (Agustsson and Timofte 2017): 800 training and 100 validation photographs of about 2000x1400 pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlic_datamodules.base import PictureDataModule, Splits
from dlic_datamodules.errors import DataError, printable
from dlic_datamodules.places import place
from dlic_datamodules.source import scan
from dlic_registry.terminal import command

__all__ = ["DIV2KDataModule"]

_TRAIN, _VALID = "DIV2K_train_HR", "DIV2K_valid_HR"


class DIV2KDataModule(PictureDataModule):
    """DIV2K in its official layout: ``DIV2K_train_HR/0001.png`` ... and ``DIV2K_valid_HR/0801.png`` ...

    Low-resolution pictures are made on the device by the stage; the official ones are not read.

    Args:
        root: The folder that holds ``DIV2K_train_HR``, or one whose sub-folder ``DIV2K`` does; ``$DLIC_DATA/DIV2K`` by
            default.
        extra: More folders to train on, such as Flickr2K's.
        shared: See `PictureDataModule`.

    Raises:
        DataError: The folders are not there.
    """

    path_args = (*PictureDataModule.path_args, "extra")
    default_root = "DIV2K"

    def __init__(self, root: str | None = None, *, extra: list[str] | None = None, **shared: Any) -> None:
        super().__init__(**shared)
        self.root = place(root, self.default_root)
        self.extra = [Path(folder).expanduser() for folder in extra or []]

    def splits(self) -> Splits:
        """Finds the pictures."""
        base = next((place for place in (self.root, self.root / "DIV2K") if (place / _TRAIN).is_dir()), None)
        if base is None:
            raise DataError(
                f"no {_TRAIN} in {printable(str(self.root))}: DIV2K is not there\n"
                f"Get it with: {command('dlic', 'prepare', 'div2k', '--root', self.root)}"
            )
        train = scan([base / _TRAIN, *self.extra], "div2k-train")
        valid = scan([base / _VALID], "div2k-valid") if (base / _VALID).is_dir() else None
        return Splits(train, valid)
