"""Stage `colorful`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_dlic.imaging.bins import rebalancing, soft_encode
from lightning_dlic.imaging.chroma import split
from lightning_dlic.nets.colorization.bins import BinNet
from lightning_dlic.stages.colorization.base import Colorization, Inputs, Net
from lightning_dlic.stages.settings import Spec


class Colorful(Colorization):
    """Colour as classes, from luma alone (Zhang, Isola, Efros 2016): zero-cost.

    The prior of the classes is counted on the training crops while they pass, and kept in the network.
    """

    loss_terms: ClassVar[tuple[str, ...]] = ("classes",)
    default_net: ClassVar[Mapping[str, Spec]] = {"name": "colorful"}  # type: ignore[dict-item]
    default_optim: ClassVar[Mapping[str, Spec]] = {
        "net": {"name": "adam", "lr": 3e-5, "betas": [0.9, 0.99], "weight_decay": 1e-3}
    }
    default_losses: ClassVar[Mapping[str, Spec | None]] = {"classes": {"name": "soft_cross_entropy", "weight": 1.0}}

    net: BinNet
    crops: Tensor

    def __init__(self, net: Net = None, rebalance: float | None = 0.5) -> None:
        """Builds the stage.

        Args:
            net: Network by registered name, with its arguments, ``temperature`` among them.
            rebalance: Share of an even distribution in the classes' weights, the paper's lambda; null trains without
                rebalancing.

        Raises:
            ValueError: The network does not classify colours, or the share is out of range.
        """
        super().__init__(net)
        if not isinstance(self.net, BinNet):
            raise ValueError(f"net {self.net_spec['name']!r} does not classify colours")
        if rebalance is not None and not 0.0 < rebalance <= 1.0:
            raise ValueError(f"rebalance must be above 0 and at most 1, not {rebalance}")
        self.rebalance = rebalance
        self.register_buffer("crops", torch.zeros(()))

    def produce(self, inputs: Inputs) -> Tensor:
        """Logits of the classes ``[B, Q, ceil(H/4), ceil(W/4)]``."""
        return self.net.logits(inputs[0])

    def expected(self, inputs: Inputs, produced: Tensor) -> Tensor:
        """Colours of the classes, at the size of luma."""
        return self.net.colors(produced, inputs[0].shape[-2], inputs[0].shape[-1])

    def compared(self, term: str, inputs: Inputs, produced: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Logits with the soft code of the true colours for ``classes``; pictures for other terms."""
        if term != "classes":
            return super().compared(term, inputs, produced, target)
        classes = soft_encode(F.avg_pool2d(split(target, "lab")[1], 4, ceil_mode=True))
        self._count(classes)
        if self.rebalance is not None:
            # As in the paper, a place counts by its most probable class.
            weight = rebalancing(self.net.prior, self.rebalance)[classes.argmax(1)]
            classes = classes * weight.unsqueeze(1)
        return produced, classes

    @torch.no_grad()
    def _count(self, classes: Tensor) -> None:
        """Takes a batch into the prior: the mean over all crops so far."""
        batch = classes.shape[0]
        self.crops += batch
        self.net.prior.lerp_(classes.mean((0, 2, 3)).to(self.net.prior), batch / self.crops)
