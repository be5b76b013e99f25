"""What a GAN's two sides minimise. A loss here has two faces: `generator` and `discriminator`, both on logits.

Logits are ``[B, 1]`` where a discriminator judges pictures as wholes, ``[B, 1, h, w]`` where it judges place by place.
A loss with ``relative`` judges what was made beside what is real: its `generator` is given the logits of both.
"""

from __future__ import annotations

from typing import ClassVar

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
        """How little the discriminator believes: logits of made pictures to a scalar."""
        return F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """How badly real and made pictures are told apart: logits of each to a scalar."""
        labels = torch.full_like(real, 1.0 - self.smooth)
        return F.binary_cross_entropy_with_logits(real, labels) + F.binary_cross_entropy_with_logits(
            fake, torch.zeros_like(fake)
        )


class Hinge(nn.Module):
    """The hinge loss of Lim and Ye (2017): stops pushing where the margin is kept."""

    def generator(self, fake: Tensor) -> Tensor:
        """How little the discriminator believes: logits of made pictures to a scalar."""
        return -fake.mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """How badly real and made pictures are told apart: logits of each to a scalar."""
        return F.relu(1.0 - real).mean() + F.relu(1.0 + fake).mean()


class Relativistic(nn.Module):
    """Whether a real picture looks more real than made ones, and the other way round (Jolicoeur-Martineau 2018).

    The generator learns from real pictures, too: it gains by what it makes, and by how much less real they look beside.
    """

    relative: ClassVar[bool] = True

    def __init__(self, paired: bool = False) -> None:
        """Creates the loss.

        Args:
            paired: Compares each made picture with its own original, place by place; else with the mean of the batch,
                as ESRGAN does (Wang et al. 2018).
        """
        super().__init__()
        self.paired = paired

    def generator(self, fake: Tensor, real: Tensor) -> Tensor:
        """How little more real originals look: logits of both to a scalar."""
        return self._apart(fake, real)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """How little more real originals look than what was made, for the side that wants them to."""
        return self._apart(real, fake)

    def _apart(self, more: Tensor, less: Tensor) -> Tensor:
        if self.paired:
            return F.softplus(less - more).mean()
        return 0.5 * (F.softplus(less.mean() - more).mean() + F.softplus(less - more.mean()).mean())
