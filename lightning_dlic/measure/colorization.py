"""Measuring what colours grey pictures, under the true luma and under a decoded one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlic_datamodules.picture_writer import write_picture
from dlic_datamodules.pictures import Picture
from dlic_registry import DlicError
from lightning_dlic.codec.hevc import HEVC
from lightning_dlic.codec.planes import Planes
from lightning_dlic.measure.base import Column, Measurement, MeasureRequest, Row, Subject
from lightning_dlic.measure.colorings import Way, floors, networks, parse_hints, parts
from lightning_dlic.measure.panel import draw_panel
from lightning_dlic.measure.pictures import Metrics, PictureMeasure, keep
from lightning_dlic.measure.sets import TestSet, each_picture
from lightning_dlic.metrics.color import AbErrors, colorfulness, delta_e, lab, psnr_ab
from lightning_dlic.metrics.functional import psnr
from lightning_dlic.metrics.named import NamedMetric, open_metrics
from lightning_dlic.metrics.named import figures as named
from lightning_dlic.nets.colorization.bins import BinNet
from lightning_dlic.operators.colorizer import Colorizer

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
HINTS = "none,oracle,grid-small,grid-large,segmentation-small,segmentation-large"
_PANEL_ROWS = 6
_COLUMNS = (
    Column("hints", "hints", left=True),
    Column("bytes", "bytes", ",.0f"),
    Column("psnr_rgb", "RGB", ".2f"),
    Column("psnr_rgb_decoded", "RGB dec.", ".2f"),
    Column("psnr_ab", "ab", ".2f"),
    Column("delta_e", "dE00", ".2f"),
    Column("lpips", "LPIPS", ".4f"),
    Column("colorfulness", "vivid", ".1f"),
    Column("colorfulness_difference", "differs", ".1f"),
    Column("auc", "AuC", ".1f"),
    Column("auc_rebalanced", "AuC reb.", ".1f"),
)
PROTOCOL: Mapping[str, str] = {
    "luma": "full-range BT.601 of the 8-bit RGB, rounded to 8 bits; true unless a figure's name says decoded",
    "decoded": "luma by HEVC at scale 1, at the share of its quality steps that --decoded gives; hints are cut from it",
    "bytes": "of the hints' chunk with the byte of its kind; an oracle's are those of its map of branches",
    "psnr_rgb": "mean squared error over all three channels of the 8-bit picture; peak 255",
    "psnr_ab": "CIELAB a* and b* (sRGB, D65) of the 8-bit pictures; peak 255",
    "delta_e": "mean CIEDE2000 over pixels, by scikit-image",
    "lpips": "AlexNet v0.1",
    "colorfulness": "Hasler and Suesstrunk 2003; its difference is the absolute one to the original's",
    "auc": "share of pixels whose error of ab is within a bound, over bounds of 0 to 150, percent, of all pixels",
    "auc_rebalanced": "as auc, each of the 261 bins of true ab that occur in the set counted alike",
    "pictures": "originals whose three channels are equal throughout are left out",
    "mean": "over pictures, of per-picture values; auc over pixels",
}


@dataclass
class ColorRow(Row):
    """Figures of one way on one set.

    Attributes:
        areas: What the areas under the curves are counted in.
    """

    areas: AbErrors = field(default_factory=AbErrors, repr=False)

    @property
    def hints(self) -> str:
        """What hints the way was given."""
        return str(self.labels["hints"])

    @property
    def figures(self) -> dict[str, float]:
        """Means over the pictures, and the areas over all pixels."""
        return {**super().figures, "auc": self.areas.auc(), "auc_rebalanced": self.areas.rebalanced()}


class ColorizationMeasure(PictureMeasure):
    """Networks for colour with hints of several sizes, under the true luma and a decoded one; beside floors."""

    protocol: ClassVar[Mapping[str, str]] = PROTOCOL
    own: ClassVar[tuple[str, ...]] = ("psnr_rgb", "lpips")

    def __init__(
        self,
        hints: str = HINTS,
        decoded: float = 0.4,
        temperature: float | None = None,
        rebalance: float | None = None,
        panel: Path | None = None,
        lpips: bool | None = None,
        metrics: Metrics = (),
        save: Path | None = None,
    ) -> None:
        """Sets what is measured.

        Args:
            hints: ``none``, ``oracle``, presets such as ``grid-small``, or KIND,BYTES; with commas.
            decoded: Quality of the decoded luma, as a share of HEVC's steps; 0 leaves it out.
            temperature: For networks that classify colours: 1 the mean, .38 vivid.
            rebalance: For networks that classify colours: raises rare ones, .5.
            panel: A table of pictures is written there, as PNG.
            lpips: Whether LPIPS is measured; None: where its weights are found.
            metrics: Registered metrics besides the usual, or the arguments of each by its name.
            save: Folder for the pictures made.

        Raises:
            ValueError: A value is out of range.
            DlicError: Hints or a metric are unknown.
        """
        if not 0.0 <= decoded <= 1.0:
            raise ValueError(f"--decoded {decoded}: a share from 0 to 1")
        for name, value in (("temperature", temperature), ("rebalance", rebalance)):
            if value is not None and not 0.01 <= value <= 1.0:
                raise ValueError(f"--{name} {value}: a number from .01 to 1")
        super().__init__(lpips, metrics, save)
        self.asked = parse_hints(hints)
        self.decoded, self.temperature, self.rebalance = decoded or None, temperature, rebalance
        self.panel = None if panel is None else Path(panel)

    def columns(self) -> Sequence[Column]:
        """Bytes of the hints, how near and how vivid the colours are, and further metrics."""
        more = [column for column in self.metric_columns() if column.name not in self.own]
        return [*_COLUMNS, *more]

    def run(self, subjects: Sequence[Subject], request: MeasureRequest) -> Measurement:
        """See `Measure.run`."""
        ways = [way for subject in subjects for way in self._ways(subject, request)]
        if not ways:
            raise DlicError("--hints: none of them is of use to the targets")
        rows = evaluate_color(
            ways,
            request.sets,
            decoded=self.decoded,
            metrics=self.metrics,
            save=self.save,
            progress=request.progress,
            failed=request.failed,
        )
        if self.panel is not None:
            write_picture(self.panel, Picture(draw_panel(ways, request.sets, _PANEL_ROWS, request.progress)))
        return Measurement(rows, {subject.name: dict(subject.identity) for subject in subjects}, self.notes)

    def _ways(self, subject: Subject, request: MeasureRequest) -> list[Way]:
        if subject.net is None:
            return floors(subject.text, self.asked)
        operator = subject.operator(Colorizer, request.device)
        if isinstance(operator.net, BinNet):
            operator.net.temperature = self.temperature or operator.net.temperature
            operator.net.rebalance = self.rebalance or operator.net.rebalance
        return networks(subject.name, operator, self.asked)


def evaluate_color(
    ways: Sequence[Way],
    sets: Iterable[TestSet],
    *,
    decoded: float | None = 0.4,
    metrics: Sequence[NamedMetric] | None = None,
    save: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
    failed: dict[str, str] | None = None,
) -> list[ColorRow]:
    """Measures ways to colour on sets.

    Args:
        ways: What is measured; pairs of name and hints must differ.
        sets: On what.
        decoded: Quality of the decoded luma as a share of HEVC's steps; None measures under the true luma alone.
        metrics: By what besides the usual; None: PSNR on RGB.
        save: Folder for the pictures made, as ``<target>-<hints>/<set>/<picture>.png``.
        progress: Called with a line before each picture.
        failed: Takes pictures that cannot be measured; None makes the first an error.

    Returns:
        A row a pair, sets in their order and ways in theirs.

    Raises:
        DlicError: A picture cannot be read, or is too large or too small for a way; or no picture of a set has colour.
    """
    metrics = open_metrics(["psnr_rgb"]) if metrics is None else metrics
    rows: list[ColorRow] = []
    for data in sets:
        table = [ColorRow(data.name, way.name, {"hints": way.hints}) for way in ways]
        for path, originals in each_picture(data, [1], progress, failed):
            target = originals[1]
            if _is_grey(target):
                continue
            for way, row in zip(ways, table, strict=True):
                made, figures = _measure(way, target, row.areas, decoded, metrics)
                row.pictures[data.stem(path)] = figures
                row.gather(metrics, _tensor(made), target)
                keep(made, save, f"{way.name}-{way.hints}", data.name, data.stem(path))
        if not table[0].pictures:
            raise DlicError(f"{data.folder}: no picture in it has any colour")
        rows += table
    return rows


def _is_grey(picture: Tensor) -> bool:
    """Whether there is nothing to predict: grey itself would be right, and its PSNR infinite."""
    return bool((picture == picture[:, :1]).all())


def _measure(
    way: Way, target: Tensor, areas: AbErrors, decoded: float | None, metrics: Sequence[NamedMetric]
) -> tuple[U8, dict[str, float]]:
    luma, chroma = parts(target)
    made, size = way.color(luma, chroma)
    output = _tensor(made)
    first, second = lab(output), lab(target)
    vivid, wanted = colorfulness(output), colorfulness(target)
    figures = {
        "bytes": float(size),
        **named(metrics, output, target),
        "psnr_ab": psnr_ab(first, second),
        "delta_e": delta_e(first, second),
        "colorfulness": vivid,
        "colorfulness_original": wanted,
        "colorfulness_difference": abs(vivid - wanted),
    }
    areas.update(first, second)
    if decoded is not None:
        figures["psnr_rgb_decoded"] = psnr(_tensor(way.color(_through_codec(luma, decoded), chroma)[0]), target)
    return made, figures


def _through_codec(luma: U8, quality: float) -> U8:
    codec = HEVC()
    payload = codec.encode(Planes(luma), round(quality * (codec.steps - 1)), 3)
    return codec.decode(payload, luma.shape[0], luma.shape[1], False).y


def _tensor(picture: U8) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
