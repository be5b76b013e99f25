"""What measures of whole pictures share: metrics by name, LPIPS where its weights are, pictures kept for looking at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dlic_datamodules.picture_writer import write_picture
from dlic_datamodules.pictures import Picture
from dlic_datamodules.profiles import Samples
from dlic_registry import DlicError
from lightning_dlic.measure.base import Column, Measure
from lightning_dlic.metrics.named import NamedMetric, open_metrics

U8 = NDArray[np.uint8]
Metrics = Sequence[str] | Mapping[str, Mapping[str, Any] | None]


class PictureMeasure(Measure):
    """A measure that scores pictures.

    Attributes:
        own: Metrics of every measurement; LPIPS is left out where its weights are not found.
        metrics: All that are measured.
        notes: What was left out.
    """

    own: ClassVar[tuple[str, ...]] = ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb", "ms_ssim", "lpips")

    def __init__(self, lpips: bool | None = None, metrics: Metrics = (), save: Path | None = None) -> None:
        """Builds the metrics.

        Args:
            lpips: Whether LPIPS is measured; None: where its weights are found.
            metrics: Registered metrics besides `own`, or the arguments of each by its name.
            save: Folder for the pictures made.

        Raises:
            DlicError: A metric is unknown, or its weights are not to be found.
        """
        self.save = None if save is None else Path(save)
        self.notes: list[str] = []
        self.metrics: list[NamedMetric] = []
        given = metrics if isinstance(metrics, Mapping) else dict.fromkeys(metrics)
        for name, arguments in {**dict.fromkeys(self.own), **given}.items():
            if name == "lpips" and lpips is False and name not in metrics:
                continue
            try:
                self.metrics += open_metrics({name: arguments}, over_set=True)
            except DlicError as error:
                if name != "lpips" or lpips or name in metrics:
                    raise
                self.notes.append(f"LPIPS left out: {error}")

    def metric_columns(self) -> list[Column]:
        """A column a metric."""
        return [Column(metric.name, metric.title, metric.form) for metric in self.metrics]


def keep(picture: Samples, folder: Path | None, *place: str) -> None:
    """Keeps a picture for looking at.

    Args:
        picture: RGB ``[H, W, 3]``.
        folder: Where pictures are kept; None keeps none.
        *place: Folders below it, and the file without suffix.
    """
    if folder is None:
        return
    path = folder.joinpath(*place[:-1], f"{place[-1]}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(path, Picture(picture))
