"""The photographs that ship inside scikit-image: pictures to train on with no network and no download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import skimage

from dlic_datamodules.base import PictureDataModule, Splits
from dlic_datamodules.errors import DataError
from dlic_datamodules.source import FileSource, PictureFile

__all__ = ["TRAIN", "VALID", "SampleDataModule"]

# Photographs only (no drawings, no test charts), each scene on one side: both motorcycles are one scene.
TRAIN = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "retina.jpg",
)
VALID = ("chelsea.png", "coffee.png", "rocket.jpg")


class SampleDataModule(PictureDataModule):
    """Photographs that ship inside scikit-image: 12 to train on, 3 others (chelsea, coffee, rocket) to validate.

    The split is fixed. Licences: public domain or CC0, see scikit-image's own list.

    Args:
        shared: See `PictureDataModule`.
    """

    def __init__(self, **shared: Any) -> None:
        super().__init__(**shared)

    def splits(self) -> Splits:
        """The fixed split."""
        return Splits(_source("sample-train", TRAIN), _source("sample-valid", VALID))


def _source(label: str, names: tuple[str, ...]) -> FileSource:
    folder = Path(skimage.__file__).parent / "data"
    for name in names:
        if not (folder / name).is_file():
            raise DataError(
                f"{folder / name} is missing: this scikit-image ships other pictures\n"
                "Install scikit-image from its wheel, version 0.25 or later"
            )
    return FileSource(label, [PictureFile(name) for name in names], [folder])
