"""The U-Net discriminator of Real-ESRGAN (Wang et al. 2021)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_dlic.nets.discriminators.base import SLOPE, Discriminator, normed


class UNetSN(Discriminator):
    """Judges each pixel, having seen its surroundings at four resolutions; inner layers are spectrally normalised."""

    def __init__(self, channels: int = 3, width: int = 64, conditions: int = 0) -> None:
        """Builds the network.

        Args:
            channels: Of the pictures.
            width: Channels of the first convolution; the coarsest level has eight times as many.
            conditions: Channels of what tells what the pictures were made of.
        """
        super().__init__()
        widths = [width * 2**level for level in range(4)]
        self.head = nn.Conv2d(channels + conditions, width, 3, padding=1)
        self.down = nn.ModuleList(normed(a, 2 * a, 4, stride=2, bias=False) for a in widths[:-1])
        self.up = nn.ModuleList(normed(2 * a, a, bias=False) for a in reversed(widths[:-1]))
        self.last = nn.ModuleList(normed(width, width, bias=False) for _ in range(2))
        self.tail = nn.Conv2d(width, 1, 3, padding=1)

    def judge(self, x: Tensor, told: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """Gives logits ``[B, 1, H, W]`` for pictures of at least 8x8, and the activations of the way up."""
        kept = [F.leaky_relu(self.head(x if told is None else torch.cat((x, told), dim=1)), SLOPE)]
        for layer in self.down:
            kept.append(F.leaky_relu(layer(kept[-1]), SLOPE))
        x, inside = kept.pop(), []
        for layer in self.up:
            skip = kept.pop()
            wide = F.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            x = F.leaky_relu(layer(wide), SLOPE) + skip
            inside.append(x)
        for layer in self.last:
            x = F.leaky_relu(layer(x), SLOPE)
        return self.tail(x), [*inside, x]
