"""Stage `multihypothesis`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from lightning_dlic.imaging.chroma import split, to_cbcr
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

    def produce(self, inputs: Inputs) -> Tensor:
        """All maps ``[B, K, 2, H, W]``."""
        return self.net.hypotheses(*inputs)

    def expected(self, inputs: Inputs, produced: Tensor) -> Tensor:
        """The first map."""
        return produced[:, 0]

    def compared(self, term: str, inputs: Inputs, produced: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Differences from grey: of the first map for ``pixel``, of all for ``nearest``; pictures for other terms."""
        if term not in self.loss_terms:
            return super().compared(term, inputs, produced, target)
        luma = inputs[0].unsqueeze(1)
        maps = opponent(to_cbcr(luma, produced if term == "nearest" else produced[:, :1], self.net.space))
        return (maps if term == "nearest" else maps[:, 0]), opponent(split(target, "cbcr")[1])
