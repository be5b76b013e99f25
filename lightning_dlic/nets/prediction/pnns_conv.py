"""PNNS's convolutional block predictor for larger blocks (Dumas, Roumy and Guillemot, TIP 2019)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lightning_dlic.imaging.blocks import center
from lightning_dlic.nets.prediction.quantized import UNIT

_STEPS = 3


class PNNSConvolutional(nn.Module):
    """Two branches of strided convolutions, for the parts above and to the left; merged, then transposed ones.

    In floats: good for study, not for the inside of a codec's loop.
    """

    def __init__(self, m: int = 16, width: int = 64, dense: int = 512) -> None:
        """Builds the network.

        Args:
            m: Side of the blocks, a multiple of 8.
            width: Channels of the convolutions; the first and the last have half as many.
            dense: Units of the layer that merges both branches.

        Raises:
            ValueError: ``m`` is no multiple of 8.
        """
        super().__init__()
        small = m >> _STEPS
        if m < 8 or m % 8:
            raise ValueError(f"pnns_conv takes blocks whose side is a multiple of 8, not {m}")
        self.m = m
        self.above, self.left = _branch(width), _branch(width)
        self.merge = nn.Sequential(
            nn.Linear(width * 5 * small * small, dense),
            nn.LeakyReLU(0.1),
            nn.Linear(dense, width * small * small),
            nn.LeakyReLU(0.1),
        )
        self.expand = nn.Sequential(
            nn.Unflatten(1, (width, small, small)),
            nn.ConvTranspose2d(width, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.ConvTranspose2d(width, width // 2, 4, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.ConvTranspose2d(width // 2, 1, 4, stride=2, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Predicts from contexts and availability, uint8 ``[N, 2, 5 m^2]``: float ``[N, 1, m, m]``.

        In training the result is not clipped to [0, 1].
        """
        m = self.m
        centered, mean = center(x)
        parts = (centered / UNIT).split([3 * m * m, 2 * m * m], dim=1)  # type: ignore[no-untyped-call]
        above = self.above(parts[0].reshape(-1, 1, m, 3 * m)).flatten(1)
        left = self.left(parts[1].reshape(-1, 1, 2 * m, m)).flatten(1)
        difference = self.expand(self.merge(torch.cat([above, left], dim=1))).float()
        blocks: Tensor = (mean[:, :, None, None] + difference * UNIT) / 255.0
        return blocks if self.training else blocks.clamp(0.0, 1.0)


def _branch(width: int) -> nn.Sequential:
    """Divides both sides by 8."""
    return nn.Sequential(
        nn.Conv2d(1, width // 2, 5, stride=2, padding=2),
        nn.LeakyReLU(0.1),
        nn.Conv2d(width // 2, width, 3, stride=2, padding=1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(width, width, 3, stride=2, padding=1),
        nn.LeakyReLU(0.1),
    )
