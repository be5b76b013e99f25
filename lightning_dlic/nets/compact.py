"""A small super-resolution network for phones: all its work is done at low resolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lightning_dlic.nets.layers import icnr_, pixel_repeat


class _Block(nn.Module):
    """Two 3x3 convolutions and a skip, without normalisation (Lim et al. 2017)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.activation = nn.LeakyReLU(0.1, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(self.activation(self.first(x)))
        return out


class CompactNet(nn.Module):
    """Residual blocks at low resolution, one pixel shuffle, and the enlarged input added at the end.

    0.37 M parameters and 0.37 MMAC per low-resolution pixel at scale 4 with 8 blocks of 48 channels.
    """

    def __init__(self, scale: int = 4, channels: int = 3, width: int = 48, blocks: int = 8) -> None:
        """Builds the network.

        Args:
            scale: Whole factor of enlargement.
            channels: 1 (luma) or 3 (RGB).
            width: Channels inside.
            blocks: Residual blocks of two convolutions each.

        Raises:
            ValueError: ``scale`` is below 1.
        """
        super().__init__()
        if scale < 1:
            raise ValueError(f"scale must be at least 1, not {scale}")
        self.scale, self.channels = scale, channels
        self.head = nn.Conv2d(channels, width, 3, padding=1)
        self.body = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.join = nn.Conv2d(width, width, 3, padding=1)
        self.tail = nn.Conv2d(width, channels * scale * scale, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
        self._initialise()

    @property
    def halo(self) -> int:
        """Low-resolution pixels on each side that an output pixel depends on."""
        return 3 + 2 * len(self.body)

    @torch.no_grad()
    def _initialise(self) -> None:
        # Default initialisation leaves such a net nearly linear on [0, 1] for thousands of steps.
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.1)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        for block in self.body:
            assert isinstance(block, _Block)
            block.second.weight.mul_(0.1)
        self.tail.weight.mul_(0.1)
        icnr_(self.tail, self.scale)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarges ``[B, C, h, w]`` in [0, 1] to ``[B, C, h*s, w*s]``, not clipped."""
        # Centring the input halves what the first layers have to unlearn.
        features = self.head(x - 0.5)
        features = features + self.join(self.body(features))
        out: Tensor = self.shuffle(self.tail(features) + pixel_repeat(x, self.scale))
        return out
