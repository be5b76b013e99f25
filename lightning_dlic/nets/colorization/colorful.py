"""The network of "Colorful Image Colorization" (Zhang, Isola, Efros, ECCV 2016), and a small one for the same task."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_dlic.nets.colorization.base import initialise
from lightning_dlic.nets.colorization.bins import BinNet
from lightning_dlic.nets.colorization.unet import UNet


def _stack(inputs: int, width: int, count: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Convolutions of 3x3 with ReLU, the last with a stride, and batch normalisation."""
    layers: list[nn.Module] = []
    for index in range(count):
        step = stride if index == count - 1 else 1
        layers += [nn.Conv2d(inputs, width, 3, stride=step, padding=dilation, dilation=dilation), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.BatchNorm2d(width))


class ColorfulNet(BinNet):
    """The paper's network: eight blocks without pooling, two of them dilated, and a classifier. 32 M parameters."""

    def __init__(self, temperature: float = 1.0, rebalance: float | None = None, width: int = 64) -> None:
        """Builds the network.

        Args:
            temperature: See `BinNet`.
            rebalance: See `BinNet`.
            width: Channels of the first block; the others have up to 8 times as many.
        """
        super().__init__(temperature, rebalance)
        wide = 8 * width
        self.body = nn.Sequential(
            _stack(1, width, 2, stride=2),
            _stack(width, 2 * width, 2, stride=2),
            _stack(2 * width, 4 * width, 3, stride=2),
            _stack(4 * width, wide, 3),
            _stack(wide, wide, 3, dilation=2),
            _stack(wide, wide, 3, dilation=2),
            _stack(wide, wide, 3),
        )
        self.up = nn.Sequential(
            *(nn.ConvTranspose2d(wide, 4 * width, 4, stride=2, padding=1), nn.ReLU()),
            *(nn.Conv2d(4 * width, 4 * width, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(4 * width, 4 * width, 3, padding=1), nn.ReLU()),
        )
        self.classifier = nn.Conv2d(4 * width, self.bins, 1)

    def classify(self, lightness: Tensor) -> Tensor:
        """Logits ``[B, Q, H/4, W/4]``."""
        out: Tensor = self.classifier(self.up(self.body(lightness)))
        return out


class ColorfulCompact(BinNet):
    """The same task by a U-Net at a quarter of the resolution and below. 1.2 M parameters."""

    def __init__(
        self,
        temperature: float = 1.0,
        rebalance: float | None = None,
        widths: Sequence[int] = (48, 64, 96, 112),
        blocks: int = 2,
    ) -> None:
        """Builds the network.

        Args:
            temperature: See `BinNet`.
            rebalance: See `BinNet`.
            widths: Channels at 1/4, 1/8, 1/16, ... of the resolution.
            blocks: Residual blocks at the coarsest level.
        """
        super().__init__(temperature, rebalance)
        self.trunk = UNet(16, widths, blocks)
        self.multiple = 4 * self.trunk.multiple
        self.classifier = nn.Conv2d(widths[0], self.bins, 1)
        initialise(self)
        with torch.no_grad():
            self.classifier.weight.mul_(0.1)

    def classify(self, lightness: Tensor) -> Tensor:
        """Logits ``[B, Q, H/4, W/4]``."""
        out: Tensor = self.classifier(F.leaky_relu(self.trunk(F.pixel_unshuffle(lightness, 4)), 0.1))
        return out
