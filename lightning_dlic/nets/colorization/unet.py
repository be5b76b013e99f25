"""A small U-Net whose work is done at a quarter of the resolution and below."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class _Block(nn.Module):
    """Two 3x3 convolutions and a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(F.leaky_relu(self.first(x), 0.1))
        return out


class UNet(nn.Module):
    """Residual blocks on each level down and up again, halving and doubling the resolution between them."""

    def __init__(self, inputs: int, widths: Sequence[int], blocks: int = 1) -> None:
        """Builds the network.

        Args:
            inputs: Channels in.
            widths: Channels of each level, finest first.
            blocks: Residual blocks of the coarsest level; the others have one down and one up.
        """
        super().__init__()
        self.head = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.down = nn.ModuleList(_Block(width) for width in widths[:-1])
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(widths))
        self.middle = nn.Sequential(*(_Block(widths[-1]) for _ in range(blocks)))
        self.join = nn.ModuleList(nn.Conv2d(a + b, a, 1) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_Block(width) for width in widths[:-1])

    @property
    def multiple(self) -> int:
        """What both sides of the input must be divisible by."""
        return int(2 ** len(self.shrink))

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``[B, inputs, h, w]`` to ``[B, widths[0], h, w]``."""
        x = self.head(x)
        kept: list[Tensor] = []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            x = block(F.leaky_relu(x, 0.1))
            kept.append(x)
            x = shrink(x)
        x = self.middle(F.leaky_relu(x, 0.1))
        for block, join, skip in zip(reversed(self.up), reversed(self.join), reversed(kept), strict=True):
            wide = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(F.leaky_relu(join(torch.cat((skip, wide), dim=1)), 0.1))
        return x
