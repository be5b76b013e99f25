"""Losses that compare pictures pixel by pixel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class L1(nn.Module):
    """Mean absolute error."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares ``[B, C, H, W]`` with ``[B, C, H, W]``; a scalar of the same unit."""
        return F.l1_loss(output, target)


class MSE(nn.Module):
    """Mean squared error."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares ``[B, C, H, W]`` with ``[B, C, H, W]``; a scalar."""
        return F.mse_loss(output, target)


class Charbonnier(nn.Module):
    """A smooth L1: sqrt(error^2 + epsilon^2) (Charbonnier et al. 1994)."""

    def __init__(self, epsilon: float = 1e-3) -> None:
        """Creates the loss.

        Args:
            epsilon: Error below which the loss turns quadratic, in the pictures' unit.
        """
        super().__init__()
        self.epsilon = epsilon

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares ``[B, C, H, W]`` with ``[B, C, H, W]``; a scalar of the same unit."""
        return torch.sqrt((output - target) ** 2 + self.epsilon**2).mean()
