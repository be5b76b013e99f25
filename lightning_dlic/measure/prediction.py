"""Measuring what predicts blocks: PNNS's table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlic_registry import DlicError
from lightning_dlic.imaging.blocks import cut, cut_blocks, grid
from lightning_dlic.imaging.color import luma_uint8
from lightning_dlic.imaging.resize import resize_uint8
from lightning_dlic.measure.base import Column, Measure, Measurement, MeasureRequest, Row, Subject
from lightning_dlic.measure.sets import TestSet, each_picture
from lightning_dlic.metrics.terms import decibels
from lightning_dlic.operators.predictor import QP, BlockPredictor, HEVCPredictor, NetPredictor

PROTOCOL: Mapping[str, str] = {
    "luma": "full-range BT.601 of the 8-bit RGB, rounded to 8 bits",
    "downsizing": "originals cut to multiples of the factor; MATLAB imresize bicubic of the luma",
    "blocks": "all of the regular grid whose contexts lie inside the picture",
    "context": "the uncoded picture, all of it available: 2m rows to the left, 2m columns above and to the right",
    "psnr": "of the mean squared error over all blocks of a set; peak 255; predictions rounded to 8 bits",
    "wins": "share of blocks in which the network's squared error is strictly less",
    "sharpness": "sum of absolute differences between neighbours inside predicted blocks, over that inside originals",
    "best35-oracle": "the mode of least squared error",
    "NETWORK-oracle": "of all that a network predicts of the picture as it is, transposed, inverted, and both, what "
    "has the least squared error; NETWORK: its first prediction of the picture as it is",
    "best35-satd": f"the mode of least SATD + lambda * bits at QP {QP}; bits as in a block without neighbours",
    "hevc": "ITU-T H.265 luma, reference smoothing, strong smoothing and boundary filters included",
}


@dataclass
class BlockRow(Row):
    """Figures of one network on one set at one size.

    Attributes:
        downsize: Factor that the pictures were divided by.
        m: Side of the blocks.
        blocks: How many were predicted.
        errors: Sums of squared errors by predictor, the network's under its own name.
        won: Blocks in which the network beats each other predictor.
        steps: Sums of absolute differences between neighbours inside the blocks, the originals' under ``original``.
    """

    downsize: int = 1
    m: int = 0
    blocks: int = 0
    errors: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    won: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    steps: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def psnr(self) -> dict[str, float]:
        """PSNR of each predictor's mean squared error, in dB."""
        pixels = self.blocks * self.m**2
        return {name: decibels(error, pixels) for name, error in self.errors.items()}

    @property
    def wins(self) -> dict[str, float]:
        """Share of blocks in which the network is better, by predictor."""
        return {name: count / self.blocks for name, count in self.won.items()}

    @property
    def sharpness(self) -> dict[str, float]:
        """How much predicted blocks vary inside, by predictor; 1 is as much as the originals do."""
        whole = max(1, self.steps["original"])
        return {name: steps / whole for name, steps in self.steps.items() if name != "original"}

    def cells(self) -> Mapping[str, Any]:
        """Values by the names of columns."""
        return {
            "size": "1" if self.downsize == 1 else f"1/{self.downsize}",
            "block": f"{self.m}x{self.m}",
            "blocks": self.blocks,
            **self.psnr,
            "net": self.psnr[self.target],
            "net-oracle": self.psnr[f"{self.target}-oracle"],
            **{f"wins {name}": share for name, share in self.wins.items()},
            "sharp": self.sharpness[self.target],
        }

    def record(self) -> dict[str, Any]:
        """The row in a report."""
        told = {"data": self.data, "target": self.target, "downsize": self.downsize, "m": self.m, "blocks": self.blocks}
        return {**told, "psnr": self.psnr, "wins": self.wins, "sharpness": self.sharpness}


class PredictionMeasure(Measure):
    """Networks that predict blocks beside HEVC's modes: PSNR, and shares of blocks that the network wins."""

    protocol: ClassVar[Mapping[str, str]] = PROTOCOL
    card_sets: ClassVar[Mapping[str, int]] = {"kodak": 0}

    def __init__(self, scale: int | None = None) -> None:
        """Sets what is measured.

        Args:
            scale: What pictures are divided by first; None: 1, 2 and 4.

        Raises:
            ValueError: It is out of range.
        """
        if scale is not None and not 1 <= scale <= 16:
            raise ValueError(f"--scale {scale}: a whole number from 1 to 16")
        self.downsizes = (1, 2, 4) if scale is None else (scale,)

    def columns(self) -> Sequence[Column]:
        """PSNR of each predictor, shares of blocks the network wins, and how sharp its blocks are."""
        rivals = [HEVCPredictor(choice).name for choice in HEVCPredictor.CHOICES]
        return [
            *(Column("size", "size"), Column("block", "block"), Column("blocks", "blocks", ",d")),
            *(Column(name, name, ".2f") for name in ("net", "net-oracle", *rivals)),
            *(Column(f"wins {name}", f"wins {name}", ".1%") for name in rivals),
            Column("sharp", "sharp", ".2f"),
        ]

    def run(self, subjects: Sequence[Subject], request: MeasureRequest) -> Measurement:
        """See `Measure.run`."""
        nets = [subject.operator(NetPredictor, request.device) for subject in subjects]
        rows = evaluate_prediction(nets, request.sets, self.downsizes, request.progress, request.failed)
        targets = {
            net.name: {**subject.identity, "m": net.m, "parameters": net.parameters, "meta": net.meta}
            for subject, net in zip(subjects, nets, strict=True)
        }
        return Measurement(rows, targets)

    def card_figures(self, rows: Sequence[Row]) -> dict[str, dict[str, float]]:
        """PSNR beside two of the modes, and the share of blocks won, by set and size; a card has the smaller sizes."""
        return {
            f"{row.data} 1/{row.downsize}": {
                "psnr": round(row.psnr[row.target], 4),
                "psnr_planar": round(row.psnr["planar"], 4),
                "psnr_best35_oracle": round(row.psnr["best35-oracle"], 4),
                "wins_planar": round(row.wins["planar"], 4),
            }
            for row in rows
            if isinstance(row, BlockRow) and row.downsize > 1
        }


def evaluate_prediction(
    nets: Sequence[NetPredictor],
    sets: Iterable[TestSet],
    downsizes: Sequence[int] = (1, 2, 4),
    progress: Callable[[str], None] = lambda _: None,
    failed: dict[str, str] | None = None,
) -> list[BlockRow]:
    """Measures networks beside HEVC's modes.

    Args:
        nets: Networks; names must differ.
        sets: On what.
        downsizes: Factors that the pictures are divided by first.
        progress: Called with a line before each picture.
        failed: Takes pictures that cannot be measured; None makes the first an error.

    Returns:
        A row for each set, factor and network.

    Raises:
        DlicError: A picture cannot be read, or no picture of a set is large enough for a block.
    """
    rivals = [HEVCPredictor(choice) for choice in HEVCPredictor.CHOICES]
    rows: list[BlockRow] = []
    for data in sets:
        table = {(d, net.name): BlockRow(data.name, net.name, downsize=d, m=net.m) for d in downsizes for net in nets}
        for _, originals in each_picture(data, downsizes, progress, failed):
            for downsize in downsizes:
                plane = _plane(originals[downsize], downsize)
                for m in sorted({net.m for net in nets}):
                    chosen = [(net, table[downsize, net.name]) for net in nets if net.m == m]
                    _measure(plane, m, chosen, rivals)
        small = next((row for row in table.values() if not row.blocks), None)
        if small is not None:
            raise DlicError(f"{data.folder}: divided by {small.downsize}, no picture holds a block of {small.m}")
        rows += table.values()
    return rows


def _plane(picture: Tensor, downsize: int) -> Tensor:
    luma = luma_uint8(picture)
    return resize_uint8(luma, scale=1.0 / downsize) if downsize > 1 else luma


def _measure(
    plane: Tensor, m: int, nets: Sequence[tuple[NetPredictor, BlockRow]], rivals: Sequence[BlockPredictor]
) -> None:
    corners = grid(plane.shape[-2], plane.shape[-1], m)
    if not len(corners):
        return
    where = torch.cat([torch.zeros_like(corners[:, :1]), corners], dim=1)
    context, truth = cut(plane, where, m).numpy(), cut_blocks(plane, where, m)[:, 0].numpy()
    available = np.ones_like(context)
    made = {rival.name: rival(context, available, truth) for rival in rivals}
    errors = {name: _errors(blocks, truth) for name, blocks in made.items()}
    steps = {name: _steps(blocks) for name, blocks in {"original": truth, **made}.items()}
    for net, row in nets:
        branches = net.branches(context, available)
        output = branches[:, 0]
        own, best = _errors(output, truth), np.stack([_errors(b, truth) for b in branches.swapaxes(0, 1)]).min(0)
        row.blocks += len(truth)
        for name, error in {net.name: own, f"{net.name}-oracle": best, **errors}.items():
            row.errors[name] += int(error.sum())
        for name, error in errors.items():
            row.won[name] += int((own < error).sum())
        for name, count in {net.name: _steps(output), **steps}.items():
            row.steps[name] += count


def _errors(made: NDArray[np.uint8], truth: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Sum of squared errors of each block."""
    return np.asarray(np.square(made.astype(np.int64) - truth).sum(axis=(1, 2)))


def _steps(blocks: NDArray[np.uint8]) -> int:
    """Sum of absolute differences between neighbours inside blocks."""
    values = blocks.astype(np.int64)
    return int(sum(np.abs(np.diff(values, axis=axis)).sum() for axis in (1, 2)))
