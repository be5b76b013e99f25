"""The network, alone: whoever enlarges a picture with it imports neither the stage nor Lightning."""

from torch import Tensor, nn


class ESPCNNet(nn.Module):
    """Three convolutions at low resolution and a pixel shuffle.

    After Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
    Neural Network", CVPR 2016. Paddings replicate the border.
    """

    def __init__(self, scale: int = 3, channels: int = 1, width: int = 64) -> None:
        """Builds the network.

        Args:
            scale: Whole factor of enlargement.
            channels: 1 (luma, the paper's) or 3 (RGB).
            width: Channels of the first layer; the second has half of them.
        """
        super().__init__()
        self.scale, self.channels = scale, channels
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 5, padding=2, padding_mode="replicate"),
            nn.Tanh(),
            nn.Conv2d(width, width // 2, 3, padding=1, padding_mode="replicate"),
            nn.Tanh(),
            nn.Conv2d(width // 2, channels * scale**2, 3, padding=1, padding_mode="replicate"),
            nn.PixelShuffle(scale),
        )

    @property
    def halo(self) -> int:
        """Low-resolution pixels on each side that an output pixel depends on."""
        return 2 + 1 + 1

    def forward(self, x: Tensor) -> Tensor:
        """Enlarges ``[B, C, h, w]`` in [0, 1] to ``[B, C, h*s, w*s]``, not clipped."""
        enlarged: Tensor = self.body(x)
        return enlarged
