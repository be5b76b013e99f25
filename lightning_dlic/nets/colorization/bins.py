"""What the networks share that see colour as classes (Zhang, Isola, Efros 2016)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_dlic.imaging.bins import ab_bins, annealed_mean, rebalancing
from lightning_dlic.imaging.chroma import l_star
from lightning_dlic.nets.colorization.base import ColorNet, pad_to


class BinNet(ColorNet):
    """Predicts a distribution over the bins of ab at a quarter of the resolution, and takes its annealed mean.

    Attributes:
        temperature: 1 gives the expectation, which has the best PSNR; the paper's .38 is more colourful.
        rebalance: None takes the distribution as learned. A share (the paper's lambda is .5) divides it by the prior of
            the training set first: what training with rebalanced classes aims at, of a network trained without.
        prior: How often each bin occurs in the training set ``[Q]``.
    """

    space: ClassVar[str] = "lab"
    multiple: int = 8
    prior: Tensor

    def __init__(self, temperature: float = 1.0, rebalance: float | None = None) -> None:
        """Sets how distributions become colours; both may be changed at any time.

        Args:
            temperature: In (0, 1].
            rebalance: In (0, 1], or None.

        Raises:
            ValueError: A value is out of range.
        """
        super().__init__()
        if not 0.0 < temperature <= 1.0:
            raise ValueError(f"temperature must be above 0 and at most 1, not {temperature}")
        if rebalance is not None and not 0.0 < rebalance <= 1.0:
            raise ValueError(f"rebalance must be above 0 and at most 1, not {rebalance}")
        self.temperature, self.rebalance = temperature, rebalance
        self.bins = len(ab_bins())
        self.register_buffer("prior", torch.full((self.bins,), 1.0 / self.bins))

    def classify(self, lightness: Tensor) -> Tensor:
        """Logits ``[B, Q, H/4, W/4]`` of L* scaled to [-1, 1], ``[B, 1, H, W]`` with sides of the right multiple."""
        raise NotImplementedError

    def logits(self, luma: Tensor) -> Tensor:
        """Logits of the bins.

        Args:
            luma: ``[B, 1, H, W]`` in [0, 1].

        Returns:
            ``[B, Q, ceil(H/4), ceil(W/4)]``.
        """
        height, width = (-(-side // 4) for side in luma.shape[-2:])
        return self.classify(pad_to(l_star(luma) / 50.0 - 1.0, self.multiple))[..., :height, :width]

    def forward(self, luma: Tensor, hints: Tensor | None = None) -> Tensor:
        """Colours ``[B, 1, H, W]`` by a* and b* ``[B, 2, H, W]``; hints change nothing."""
        return self.colors(self.logits(luma), luma.shape[-2], luma.shape[-1])

    def colors(self, logits: Tensor, height: int, width: int) -> Tensor:
        """The annealed mean of classes ``[B, Q, ceil(H/4), ceil(W/4)]`` at full size: a* and b* ``[B, 2, H, W]``."""
        logits = logits.float()
        if self.rebalance is not None:
            logits = logits + rebalancing(self.prior, self.rebalance).log()[:, None, None]
        small = annealed_mean(logits, self.temperature)
        size = 4 * small.shape[-2], 4 * small.shape[-1]
        return F.interpolate(small, size=size, mode="bilinear")[..., :height, :width]

    def hypotheses(self, luma: Tensor, hints: Tensor | None = None) -> Tensor:
        """The one map there is ``[B, 1, 2, H, W]``."""
        only: Tensor = self(luma, hints)
        return only.unsqueeze(1)
