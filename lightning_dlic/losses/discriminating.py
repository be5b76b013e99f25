"""Losses that look into a discriminator: what it sees of pictures, and how steeply it judges them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_dlic.losses.kinds import Sees


class FeatureMatching(nn.Module):
    """L1 between a discriminator's activations for what was made and for what is real (Wang et al. 2018, pix2pixHD).

    The discriminator finds the features; the generator is steadied by having to meet them, not only to be believed.
    """

    sees = Sees.ACTIVATIONS

    def forward(self, made: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
        """Compares lists of activations of the same shapes; a scalar, the mean over the list."""
        apart = [F.l1_loss(a, b.detach()) for a, b in zip(made, real, strict=True)]
        return torch.stack(apart).mean()


class R1(nn.Module):
    """The squared slope of a discriminator at real pictures (Mescheder et al. 2018): it must not judge too steeply.

    Its weight is the paper's gamma / 2. The slope's own gradient is dear, so it is taken every so many batches, and
    counts as often (Karras et al. 2020).
    """

    sees = Sees.GRADIENT

    def __init__(self, every: int = 16) -> None:
        """Creates the loss.

        Args:
            every: Batches from one slope to the next.

        Raises:
            ValueError: It is below 1.
        """
        super().__init__()
        if every < 1:
            raise ValueError(f"every must be at least 1, not {every}")
        self.every = every

    def due(self, batch: int) -> bool:
        """Whether the slope is taken at a batch, counted from 0."""
        return batch % self.every == 0

    def forward(self, logits: Sequence[Tensor], real: Tensor) -> Tensor:
        """The mean over pictures of the squared slope.

        Args:
            logits: Of real pictures, ``[B, ...]`` each; a picture's judgement is the mean of all means.
            real: The pictures ``[B, C, H, W]``, from which the logits were made with gradients.

        Returns:
            A scalar.
        """
        judgement = torch.stack([each.flatten(1).mean(1) for each in logits]).mean(0)
        (slope,) = torch.autograd.grad(judgement.sum(), real, create_graph=True)
        return slope.float().square().flatten(1).sum(1).mean() * self.every
