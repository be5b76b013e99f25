"""Measuring what enlarges pictures, on whole test sets, under the stated protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from dlic_registry import DlicError, entries
from lightning_dlic.measure.base import Column, Measurement, MeasureRequest, Row, Subject
from lightning_dlic.measure.pictures import Metrics, PictureMeasure, keep
from lightning_dlic.measure.sets import TestSet, each_picture
from lightning_dlic.metrics.named import NamedMetric, figures, open_metrics
from lightning_dlic.metrics.protocol import Protocol
from lightning_dlic.operators.downsizer import Downsizer, bicubic, learned, registered
from lightning_dlic.operators.enlarger import Enlarger, NetEnlarger, kernel_enlarger
from lightning_dlic.operators.upscale import to_pixels

_OWN = ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb", "ms_ssim")


@dataclass
class EnlargedRow(Row):
    """Figures of one enlarger on one set.

    Attributes:
        seconds: Time that enlarging took, in all.
        pixels: Output pixels, in all.
        cost: Parameters, and multiplications a pixel.
    """

    seconds: float = 0.0
    pixels: int = 0
    cost: Mapping[str, Any] | None = None

    @property
    def scale(self) -> int:
        """Factor of enlargement."""
        scale: int = self.labels["scale"]
        return scale

    @property
    def seconds_per_megapixel(self) -> float:
        """Of output."""
        return self.seconds / self.pixels * 1e6

    def cells(self) -> Mapping[str, Any]:
        """Values by the names of columns."""
        spent = {"seconds_per_megapixel": self.seconds_per_megapixel, **(self.cost or {})}
        return {**super().cells(), "scale": f"x{self.scale}", **spent}

    def record(self) -> dict[str, Any]:
        """The row in a report."""
        return {**super().record(), "seconds_per_megapixel": self.seconds_per_megapixel}


class EnlargingMeasure(PictureMeasure):
    """Networks that enlarge, each at its own scale, on pictures made small; beside plain resizing."""

    protocol: ClassVar[Mapping[str, str]] = Protocol().as_dict()
    card_sets: ClassVar[Mapping[str, int]] = {"set5": 0, "set14": 0, "bsd100": 1}

    def __init__(
        self,
        scale: int | None = None,
        downsize: str | None = None,
        lpips: bool | None = None,
        metrics: Metrics = (),
        save: Path | None = None,
    ) -> None:
        """Sets what is measured.

        Args:
            scale: Factor of the rivals, and the one that every network must have; None takes the networks' own, and for
                rivals theirs, or 4 without any network.
            downsize: What shrinks the originals: a registered operator such as ``bicubic``, or a network that brings
                its own downsizing; None takes what a network brings along, else bicubic.
            lpips: Whether LPIPS is measured; None: where its weights are found.
            metrics: Registered metrics besides the usual, or the arguments of each by its name.
            save: Folder for the pictures made.

        Raises:
            ValueError: The scale is out of range.
            DlicError: A metric is unknown, or its weights are not to be found.
        """
        if scale is not None and not 1 <= scale <= 16:
            raise ValueError(f"--scale {scale}: a whole number from 1 to 16")
        super().__init__(lpips, metrics, save)
        self.scale, self.downsize = scale, downsize

    def columns(self) -> Sequence[Column]:
        """Scale, metrics, and what the network costs."""
        costs = (
            Column("parameters", "params", ",d"),
            Column("kmac_per_pixel", "kMAC/px", ".1f"),
            Column("seconds_per_megapixel", "s/MP", ".3f"),
        )
        return [Column("scale", "scale"), *self.metric_columns(), *costs]

    def run(self, subjects: Sequence[Subject], request: MeasureRequest) -> Measurement:
        """See `Measure.run`."""
        enlargers = self._open(subjects, request.device)
        if self.downsize is not None:
            operator = _downsizer(self.downsize, request)
            for enlarger in enlargers:
                enlarger.downsize = operator(enlarger.scale)
        rows = evaluate(
            enlargers,
            request.sets,
            metrics=self.metrics,
            save=self.save,
            progress=request.progress,
            failed=request.failed,
        )
        costs = {enlarger.name: _cost(enlarger) for enlarger in enlargers}
        for row in rows:
            row.cost = costs[row.target]
        identities = {subject.name: dict(subject.identity) for subject in subjects}
        targets = {
            e.name: {
                **identities.get(e.name, {"target": getattr(e, "kernel", e.name)}),
                **{"scale": e.scale, "downsize": e.downsize.name},
                **costs[e.name],
                **({"meta": e.meta} if isinstance(e, NetEnlarger) else {}),
            }
            for e in enlargers
        }
        return Measurement(rows, targets, [*self.notes, *_foreign(enlargers)])

    def _open(self, subjects: Sequence[Subject], device: torch.device) -> list[Enlarger]:
        """Enlargers in the order of the subjects; a rival once for each scale that occurs."""
        nets = {s.name: s.operator(NetEnlarger, device) for s in subjects if s.net is not None}
        for enlarger in nets.values():
            if self.scale not in (None, enlarger.scale):
                raise DlicError(f"{enlarger.name} enlarges x{enlarger.scale}, not x{self.scale} as --scale says")
        scales = [self.scale] if self.scale is not None else sorted({net.scale for net in nets.values()}) or [4]
        opened: list[Enlarger] = []
        for subject in subjects:
            if subject.name in nets:
                opened.append(nets[subject.name])
                continue
            for factor in scales:
                kernel = kernel_enlarger(subject.text, factor)
                # With several scales the names must still differ.
                kernel.name = subject.name if len(scales) == 1 else f"{subject.name}-x{factor}"
                opened.append(kernel)
        return opened

    @classmethod
    def headline(cls, figures: Mapping[str, float]) -> str | None:
        """PSNR and SSIM on Y, and LPIPS."""
        lpips = f" / {figures['lpips']:.3f}" if "lpips" in figures else ""
        return f"{figures['psnr_y']:.2f} / {figures['ssim_y']:.4f}{lpips}"


def _downsizer(text: str, request: MeasureRequest) -> Callable[[int], Downsizer]:
    """What shrinks pictures by a scale, as ``--downsize`` names it."""
    if text == "bicubic":
        return bicubic
    known = [entry for entry in entries("downsize") if entry.name != "learned"]
    if any(text in (entry.name, entry.qualified) for entry in known):
        return lambda scale: registered(text, scale)
    try:
        subject = request.open_net(text)
    except DlicError as error:
        names = ", ".join(entry.name for entry in known)
        raise DlicError(f"--downsize {text}: not registered (those are: {names}), and no network: {error}") from error
    assert subject.net is not None
    found = learned(subject.name, subject.net, int(subject.meta.get("scale", 1)), int(subject.meta.get("channels", 3)))
    if found is None:
        raise DlicError(f"--downsize {text}: this network does not downsize; only what learned_downsize trained does")

    def of(scale: int) -> Downsizer:
        if scale != found.scale:
            raise DlicError(f"--downsize {text}: shrinks by {found.scale}, but a target enlarges by {scale}")
        return found

    return of


def _foreign(enlargers: Sequence[Enlarger]) -> list[str]:
    """Says which networks are not measured on small pictures like those they were trained on."""
    wanted = {e: e.meta.get("downsize") for e in enlargers if isinstance(e, NetEnlarger)}
    return [
        f"{enlarger.name} was trained on pictures shrunk by {spec.get('weights', spec.get('name'))}, not by bicubic: "
        "see --downsize"
        for enlarger, spec in wanted.items()
        if isinstance(spec, dict) and enlarger.downsize.name == "bicubic"
    ]


def _cost(enlarger: Enlarger) -> dict[str, Any]:
    if not isinstance(enlarger, NetEnlarger):
        return {"parameters": 0, "kmac_per_pixel": None}
    return {"parameters": enlarger.parameters, "kmac_per_pixel": round(enlarger.kmacs(), 3)}


@torch.inference_mode()
def evaluate(
    enlargers: Iterable[Enlarger],
    sets: Iterable[TestSet],
    *,
    metrics: Sequence[NamedMetric] | None = None,
    save: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
    failed: dict[str, str] | None = None,
) -> list[EnlargedRow]:
    """Measures enlargers on sets.

    Args:
        enlargers: What is measured; names must differ.
        sets: On what.
        metrics: By what; None: PSNR and SSIM on Y and RGB, and MS-SSIM.
        save: Folder for the pictures made, as ``<enlarger>/<set>/<picture>.png``.
        progress: Called with a line before each picture.
        failed: Takes pictures that cannot be measured; None makes the first an error.

    Returns:
        One row a pair, sets in their order and enlargers in theirs.

    Raises:
        DlicError: A picture cannot be read, or is too small.
    """
    metrics = open_metrics(_OWN) if metrics is None else metrics
    targets = list(enlargers)
    rows: list[EnlargedRow] = []
    for data in sets:
        table = {
            enlarger.name: EnlargedRow(data.name, enlarger.name, {"scale": enlarger.scale}) for enlarger in targets
        }
        scales = sorted({enlarger.scale for enlarger in targets})
        for path, originals in each_picture(data, scales, progress, failed):
            for enlarger, picture, small in _inputs(targets, originals):
                begun = time.perf_counter()
                output = enlarger(small)
                row = table[enlarger.name]
                row.seconds += time.perf_counter() - begun
                row.pixels += output.shape[-2] * output.shape[-1]
                row.pictures[data.stem(path)] = figures(metrics, output, picture, enlarger.scale)
                row.gather(metrics, output, picture)
                keep(to_pixels(output), save, enlarger.name, data.name, data.stem(path))
        rows += table.values()
    return rows


def _inputs(enlargers: list[Enlarger], originals: Mapping[int, Tensor]) -> Iterator[tuple[Enlarger, Tensor, Tensor]]:
    """Each enlarger with the original and the small picture at its scale, each made once."""
    for scale, picture in originals.items():
        made: dict[Downsizer, Tensor] = {}
        for enlarger in enlargers:
            if enlarger.scale == scale:
                if enlarger.downsize not in made:
                    made[enlarger.downsize] = enlarger.downsize(picture)
                yield enlarger, picture, made[enlarger.downsize]
