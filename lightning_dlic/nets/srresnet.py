"""SRResNet, the generator of SRGAN (Ledig et al., CVPR 2017)."""

from __future__ import annotations

from torch import Tensor, nn

from lightning_dlic.nets.layers import upsampler


class _Block(nn.Module):
    """Two convolutions with batch normalisation, PReLU between them, and a skip around both."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.PReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class SRResNetNet(nn.Module):
    """The paper's generator: 9x9 convolution, residual blocks, sub-pixel upsampling, 9x9 convolution.

    1.5 M parameters at scale 4 with 16 blocks of 64 channels.
    """

    def __init__(self, scale: int = 4, channels: int = 3, width: int = 64, blocks: int = 16) -> None:
        """Builds the network.

        Args:
            scale: 2, 3, 4 or 8.
            channels: 1 (luma) or 3 (RGB).
            width: Channels inside.
            blocks: Residual blocks.
        """
        super().__init__()
        self.scale, self.channels = scale, channels
        self.head = nn.Sequential(nn.Conv2d(channels, width, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(
            *(_Block(width) for _ in range(blocks)),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.up = upsampler(width, scale, nn.PReLU)
        self.tail = nn.Conv2d(width, channels, 9, padding=4)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarges ``[B, C, h, w]`` in [0, 1] to ``[B, C, h*s, w*s]``, not clipped."""
        features = self.head(x)
        out: Tensor = self.tail(self.up(features + self.body(features)))
        return out
