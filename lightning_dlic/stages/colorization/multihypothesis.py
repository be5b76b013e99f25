"""Stage `multihypothesis`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from torch import Tensor

from lightning_dlic.imaging.chroma import split, to_cbcr
from lightning_dlic.stages.base import Terms
from lightning_dlic.stages.colorization.base import Colorization, Inputs, Net, opponent
from lightning_dlic.stages.settings import Spec


class MultiHypothesis(Colorization):
    """One trunk and K maps of chroma, of which the encoder names the best for each region (Baig and Torresani 2017).

    The first map is trained to be the best guess by itself (term ``pixel``); the nearest of all maps is drawn to the
    truth block by block, and the others a little, so that none dies (term ``nearest``).
    """

    loss_terms: ClassVar[tuple[str, ...]] = ("pixel", "nearest")
    default_optim: ClassVar[Mapping[str, Spec]] = {"net": {"name": "adamw", "lr": 5e-4}}
    default_losses: ClassVar[Mapping[str, Spec | None]] = {
        "pixel": {"name": "log_mse", "weight": 1.0},
        "nearest": {"name": "nearest", "weight": 0.5},
    }

    def __init__(self, net: Net = None, smallest: int = 8, largest: int = 96) -> None:
        """Builds the stage.

        Args:
            net: Network by registered name, with its arguments; ``branches`` is among them.
            smallest: Least side of the regions of training hints, in pixels.
            largest: Greatest side.
        """
        super().__init__(net, smallest, largest)

    def updates(self, inputs: Inputs, target: Tensor) -> Iterator[tuple[str, Terms]]:
        """Yields the terms ``pixel``, of the first map, and ``nearest``, of all."""
        luma, hints = inputs
        maps = opponent(to_cbcr(luma.unsqueeze(1), self.net.hypotheses(luma, hints), self.net.space))
        truth = opponent(split(target, "cbcr")[1])
        yield (
            "net",
            {"pixel": self.term("pixel", maps[:, 0], truth), "nearest": self.term("nearest", maps, truth)},
        )
