"""Losses between blocks, after what a codec pays for a difference."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class BlockL2(nn.Module):
    """Mean over blocks of the root mean square error: PNNS's loss (Dumas et al. 2019).

    Unlike the squared error it is not ruled by the few blocks that nothing predicts.
    """

    def __init__(self, epsilon: float = 2e-3) -> None:
        """Creates the loss.

        Args:
            epsilon: Error below which the loss turns quadratic, in the blocks' unit.
        """
        super().__init__()
        self.epsilon = epsilon

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares ``[N, C, m, m]`` with ``[N, C, m, m]``; a scalar of the same unit."""
        square = (output - target).float().square().flatten(1).mean(dim=1)
        return torch.sqrt(square + self.epsilon**2).mean()


class SATD(nn.Module):
    """Mean absolute Hadamard coefficient of the difference: close to the bits that a transform codec spends on it."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares ``[N, C, m, m]`` with ``[N, C, m, m]``, m a power of two; a scalar of the same unit."""
        difference = (output - target).float()
        h = hadamard(difference.shape[-1], difference.device)
        return (h @ difference @ h).abs().mean()


def hadamard(m: int, device: torch.device | None = None) -> Tensor:
    """The orthonormal Hadamard matrix ``[m, m]``.

    Raises:
        ValueError: ``m`` is not a power of two.
    """
    if m < 1 or m & (m - 1):
        raise ValueError(f"m must be a power of two, not {m}")
    h = torch.ones(1, 1, device=device)
    while len(h) < m:
        h = torch.cat([torch.cat([h, h], dim=1), torch.cat([h, -h], dim=1)], dim=0)
    return h / math.sqrt(m)
