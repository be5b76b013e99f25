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


class L1Scales(nn.Module):
    """Mean absolute error of pictures at several resolutions: tone and form count beside single pixels."""

    def __init__(self, scales: int = 3, gain: float = 1.0) -> None:
        """Creates the loss.

        Args:
            scales: How many resolutions, each half of the one before.
            gain: Weight of each resolution beside the finer one before.

        Raises:
            ValueError: There is no resolution, or a weight is not positive.
        """
        super().__init__()
        if scales < 1 or gain <= 0:
            raise ValueError(f"scales must be at least 1 and gain positive, not {scales} and {gain}")
        weights = [gain**n for n in range(scales)]
        self.weights = [weight / sum(weights) for weight in weights]

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares ``[B, C, H, W]`` with ``[B, C, H, W]``; a scalar of the same unit, the weighted mean."""
        error, total = output - target, output.new_zeros(())
        for number, weight in enumerate(self.weights):
            error = F.avg_pool2d(error, 2, ceil_mode=True, count_include_pad=False) if number else error
            total = total + weight * error.abs().mean()
        return total


class L1Lattice(nn.Module):
    """L1 and, besides, what a network draws on the lattice of its pixel shuffle.

    The mean error of each of the ``period`` x ``period`` places in a cell, less the mean over all, is nought for any
    texture that does not follow the lattice; feature losses, which pool with the same period, hardly see one that does.
    """

    def __init__(self, period: int = 4, strength: float = 5.0) -> None:
        """Sets the lattice.

        Args:
            period: Pixels between its lines: the scale of the network.
            strength: Weight of the lattice's part beside L1.

        Raises:
            ValueError: ``period`` is below 2.
        """
        super().__init__()
        if period < 2:
            raise ValueError(f"period must be at least 2, not {period}")
        self.period, self.strength = period, strength

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares ``[B, C, H, W]``, sides at least the period; a scalar."""
        error = output - target
        period = self.period
        rows, columns = (side // period for side in error.shape[-2:])
        cells = error[..., : rows * period, : columns * period].reshape(
            *error.shape[:-2], rows, period, columns, period
        )
        places = cells.mean((-4, -2))
        lattice = (places - places.mean((-2, -1), keepdim=True)).abs().mean()
        loss: Tensor = error.abs().mean() + self.strength * lattice
        return loss
