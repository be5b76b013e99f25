"""The network, alone."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Logarithms of quantiser steps at which base layers are worth repairing lie between 3 and 8.
_MIDDLE, _SPREAD = 6.0, 1.5


class DeblockNet(nn.Module):
    """Residual blocks without normalisation, and the picture added at the end.

    What the codec's quantiser was is a second input: the same edge is a block's in a coarse picture and the subject's
    in a fine one.
    """

    def __init__(self, channels: int = 1, width: int = 32, blocks: int = 4) -> None:
        """Builds the network.

        Args:
            channels: 1 (luma) or 3 (RGB).
            width: Channels inside.
            blocks: Residual blocks of two convolutions each.
        """
        super().__init__()
        self.head = nn.Conv2d(channels + 2, width, 3, padding=1)
        self.first = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(blocks))
        self.second = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(blocks))
        self.tail = nn.Conv2d(width, channels, 3, padding=1)
        for convolution in (self.head, *self.first, *self.second):
            nn.init.kaiming_normal_(convolution.weight, a=0.1)
        for convolution in self.second:
            convolution.weight.data.mul_(0.1)
        # So that the network begins as the identity.
        nn.init.zeros_(self.tail.weight)

    @property
    def halo(self) -> int:
        """Pixels on each side that an output pixel depends on."""
        return 2 + 2 * len(self.first)

    def forward(self, x: Tensor, quality: Tensor | None = None) -> Tensor:
        """Repairs a picture.

        Args:
            x: ``[B, C, h, w]`` in [0, 1].
            quality: Binary logarithm of the codec's quantiser step in 8-bit levels ``[B]``; not-a-number where it is
                not known, None where it is of none.

        Returns:
            The same shape, not clipped.
        """
        step = x.new_full(x.shape[:1], torch.nan) if quality is None else quality.to(x)
        known = ~step.isnan()
        told = torch.stack((torch.where(known, (step - _MIDDLE) / _SPREAD, 0.0), known.to(x)), dim=1)
        planes = told[..., None, None].expand(-1, -1, *x.shape[-2:])
        features = self.head(torch.cat((x - 0.5, planes), dim=1))
        for first, second in zip(self.first, self.second, strict=True):
            features = features + second(F.leaky_relu(first(features), 0.1))
        repaired: Tensor = x + self.tail(features)
        return repaired
