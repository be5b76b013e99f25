"""The network, alone."""

from torch import Tensor, nn
from torch.nn import functional as F


class DeblockNet(nn.Module):
    """Residual blocks without normalisation, and the picture added at the end."""

    def __init__(self, channels: int = 1, width: int = 32, blocks: int = 4) -> None:
        """Builds the network.

        Args:
            channels: 1 (luma) or 3 (RGB).
            width: Channels inside.
            blocks: Residual blocks of two convolutions each.
        """
        super().__init__()
        self.head = nn.Conv2d(channels, width, 3, padding=1)
        self.first = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(blocks))
        self.second = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(blocks))
        self.tail = nn.Conv2d(width, channels, 3, padding=1)
        for convolution in (self.head, *self.first, *self.second):
            nn.init.kaiming_normal_(convolution.weight, a=0.1)
        for convolution in (*self.second, self.tail):
            # So that the network begins as the identity.
            convolution.weight.data.mul_(0.1)
        nn.init.zeros_(self.tail.weight)

    @property
    def halo(self) -> int:
        """Pixels on each side that an output pixel depends on."""
        return 2 + 2 * len(self.first)

    def forward(self, x: Tensor) -> Tensor:
        """Repairs ``[B, C, h, w]`` in [0, 1]; the same shape, not clipped."""
        features = self.head(x - 0.5)
        for first, second in zip(self.first, self.second, strict=True):
            features = features + second(F.leaky_relu(first(features), 0.1))
        repaired: Tensor = x + self.tail(features)
        return repaired
