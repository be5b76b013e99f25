"""SRGAN's discriminator (Ledig et al., CVPR 2017)."""

from __future__ import annotations

from torch import Tensor, nn

from lightning_dlic.nets.discriminators.base import Discriminator


class SRGANDiscriminator(Discriminator):
    """Eight convolutions from 64 to 512 channels, then two dense layers; one logit a picture.

    The paper's own at 96x96. Other sizes are pooled to the 6x6 that the dense layer expects.
    """

    def __init__(self, channels: int = 3, width: int = 64, dense: int = 1024) -> None:
        """Builds the network.

        Args:
            channels: 1 or 3.
            width: Channels of the first convolution; the last has eight times as many.
            dense: Units of the hidden dense layer.
        """
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        before = width
        for after, stride in ((1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2)):
            layers += [
                nn.Conv2d(before, width * after, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(width * after),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            before = width * after
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(6)
        self.classify = nn.Sequential(
            nn.Linear(before * 36, dense), nn.LeakyReLU(0.2, inplace=True), nn.Linear(dense, 1)
        )

    def judge(self, x: Tensor, told: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """Gives logits ``[B, 1]`` for pictures ``[B, C, H, W]`` in [0, 1] of at least 16x16, and activations."""
        x, inside = x * 2.0 - 1.0, []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                inside.append(x)
        return self.classify(self.pool(x).flatten(1)), inside
