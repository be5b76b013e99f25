"""SRCNN: three convolutions on a bicubic enlargement (Dong et al., TPAMI 2016)."""

from __future__ import annotations

from torch import Tensor, nn

from lightning_dlic.nets.layers import BicubicUp, convolutions


class SRCNNNet(nn.Module):
    """SRCNN 9-1-5 (8 K parameters on luma) or 9-5-5 (57 K).

    Enlarges by bicubic first, so that it takes the small picture like every other network. Unlike the paper's it adds
    its output to that enlargement, and borders are replicated rather than lost.
    """

    def __init__(self, scale: int = 4, channels: int = 1, middle: int = 1) -> None:
        """Builds the network.

        Args:
            scale: Whole factor of enlargement.
            channels: 1 (luma) or 3 (RGB).
            middle: Kernel of the middle layer: 1 (9-1-5) or 5 (9-5-5).

        Raises:
            ValueError: ``middle`` is even.
        """
        super().__init__()
        if middle % 2 == 0:
            raise ValueError(f"middle must be odd (the paper has 1 and 5), not {middle}")
        self.scale, self.channels = scale, channels
        self.enlarge = BicubicUp(scale)
        self.body = nn.Sequential(
            nn.Conv2d(channels, 64, 9, padding=4, padding_mode="replicate"),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 32, middle, padding=middle // 2, padding_mode="replicate"),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, channels, 5, padding=2, padding_mode="replicate"),
        )
        for layer in convolutions(self.body):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
            last = layer
        # Start as the bicubic enlargement itself, near enough: a large random last layer costs thousands of steps.
        nn.init.normal_(last.weight, std=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarges ``[B, C, h, w]`` in [0, 1] to ``[B, C, h*s, w*s]``, not clipped."""
        x = self.enlarge(x)
        out: Tensor = x + self.body(x)
        return out
