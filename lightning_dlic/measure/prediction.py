"""Measuring what predicts blocks: PNNS's table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlic_registry import DlicError
from lightning_dlic.imaging.blocks import cut, cut_blocks, grid
from lightning_dlic.imaging.color import luma_uint8
from lightning_dlic.imaging.resize import resize_uint8
from lightning_dlic.measure.sr import TestSet, original
from lightning_dlic.metrics.terms import decibels
from lightning_dlic.operators.predictor import QP, BlockPredictor, HEVCPredictor, NetPredictor

PROTOCOL = {
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
class Row:
    """Figures of one network on one set at one size.

    Attributes:
        data: The set's name.
        downsize: Factor that the pictures were divided by.
        m: Side of the blocks.
        target: The network's name.
        blocks: How many were predicted.
        errors: Sums of squared errors by predictor, the network's under its own name.
        won: Blocks in which the network beats each other predictor.
        steps: Sums of absolute differences between neighbours inside the blocks, the originals' under ``original``.
    """

    data: str
    downsize: int
    m: int
    target: str
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


def evaluate_prediction(
    nets: Sequence[NetPredictor],
    sets: Iterable[TestSet],
    downsizes: Sequence[int] = (1, 2, 4),
    progress: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """Measures networks beside HEVC's modes.

    Args:
        nets: Networks; names must differ.
        sets: On what.
        downsizes: Factors that the pictures are divided by first.
        progress: Called with a line before each picture.

    Returns:
        A row for each set, factor and network.

    Raises:
        DlicError: A picture cannot be read, or no picture of a set is large enough for a block.
    """
    rivals = [HEVCPredictor(choice) for choice in HEVCPredictor.CHOICES]
    rows: list[Row] = []
    for data in sets:
        table = {(d, net.name): Row(data.name, d, net.m, net.name) for d in downsizes for net in nets}
        for number, path in enumerate(data.files, 1):
            progress(f"{data.name} {number}/{len(data.files)} {path.name}")
            for downsize in downsizes:
                plane = _plane(original(path, data.trim, downsize), downsize)
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


def _measure(plane: Tensor, m: int, nets: Sequence[tuple[NetPredictor, Row]], rivals: Sequence[BlockPredictor]) -> None:
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
