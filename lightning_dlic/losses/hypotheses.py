"""Losses for networks that are judged by decibels, and for those that offer several answers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LogMSE(nn.Module):
    """Mean over pictures of the logarithm of their squared error: what the mean PSNR counts.

    Difficult pictures do not drown the easy ones, as they do in the mean squared error of a batch.
    """

    def __init__(self, floor: float = 1e-3) -> None:
        """Creates the loss.

        Args:
            floor: Squared error (of pictures in [0, 1]) below which little more is to be gained.
        """
        super().__init__()
        self.floor = floor

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares ``[B, C, H, W]`` with ``[B, C, H, W]``; a scalar."""
        error = (output - target).square().flatten(1).mean(1)
        return (error + self.floor).log().mean()


class Nearest(nn.Module):
    """Error of the nearest of K hypotheses, block by block, as `LogMSE` counts it.

    A share of the weight goes to the hypotheses that are not nearest (Rupprecht et al. 2017): one that is never chosen
    would otherwise never learn.
    """

    def __init__(self, block: int = 8, guard: float = 0.1, floor: float = 1e-3) -> None:
        """Creates the loss.

        Args:
            block: Side of the squares in which one hypothesis is chosen, in pixels.
            guard: Share of the others, in [0, 1).
            floor: As in `LogMSE`.
        """
        super().__init__()
        self.block, self.guard, self.floor = block, guard, floor

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares ``[B, K, C, H, W]`` with ``[B, C, H, W]``; a scalar.

        Raises:
            ValueError: There are no several hypotheses to choose among.
        """
        if output.dim() != target.dim() + 1:
            raise ValueError("it chooses among several hypotheses")
        error = F.avg_pool2d((output - target.unsqueeze(1)).square().mean(2), self.block, ceil_mode=True)
        nearest, others = error.amin(1).flatten(1).mean(1), error.flatten(1).mean(1)
        return torch.log((1.0 - self.guard) * nearest + self.guard * others + self.floor).mean()
