"""What a GAN's two sides minimise. A loss here has two faces: `generator` and `discriminator`, both on logits."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BCE(nn.Module):
    """The original GAN's loss in its non-saturating form (Goodfellow et al. 2014), as SRGAN uses it."""

    def __init__(self, smooth: float = 0.0) -> None:
        """Creates the loss.

        Args:
            smooth: One-sided label smoothing: how far below 1 the label of a real picture stands.
        """
        super().__init__()
        self.smooth = smooth

    def generator(self, fake: Tensor) -> Tensor:
        """How little the discriminator believes: logits ``[B, 1]`` of made pictures to a scalar."""
        return F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """How badly real and made pictures are told apart: logits ``[B, 1]`` each to a scalar."""
        labels = torch.full_like(real, 1.0 - self.smooth)
        return F.binary_cross_entropy_with_logits(real, labels) + F.binary_cross_entropy_with_logits(
            fake, torch.zeros_like(fake)
        )


class Hinge(nn.Module):
    """The hinge loss of Lim and Ye (2017): stops pushing where the margin is kept."""

    def generator(self, fake: Tensor) -> Tensor:
        """How little the discriminator believes: logits ``[B, 1]`` of made pictures to a scalar."""
        return -fake.mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """How badly real and made pictures are told apart: logits ``[B, 1]`` each to a scalar."""
        return F.relu(1.0 - real).mean() + F.relu(1.0 + fake).mean()
