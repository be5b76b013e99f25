"""What every network for colour offers the codec."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_dlic.imaging.hint_planes import PLANES


class ColorNet(nn.Module):
    """Predicts chroma from luma and, where it takes them, hints.

    Hints are ``[B, 6, H, W]``: Cb and Cr (centred, in [-0.5, 0.5]) of the colour known at a place; the mask, 1 where a
    colour is known; the usual side of the picture's regions in units of `SIDE` pixels; the step of the colours'
    quantiser in units of `STEP` levels; and 1 where the colour was sent, 0 where it is as predicted from other regions.
    All are 0 where the mask is. They are always Cb and Cr, whatever the network's own space. Both units are those of
    `imaging.hint_planes`.

    Attributes:
        space: Chroma space of its output, ``cbcr`` or ``lab``.
        branches: Hypotheses it makes.
        takes_hints: Whether hints change its output.
    """

    space: ClassVar[str] = "cbcr"
    branches: int = 1
    takes_hints: ClassVar[bool] = False

    def hypotheses(self, luma: Tensor, hints: Tensor | None = None) -> Tensor:
        """All maps of chroma that it thinks possible; the first is the one `forward` gives.

        Args:
            luma: ``[B, 1, H, W]`` in [0, 1], any size.
            hints: ``[B, 6, H, W]``, or None where nothing is known.

        Returns:
            ``[B, K, 2, H, W]`` in the network's space.
        """
        only: Tensor = self(luma, hints)
        return only.unsqueeze(1)

    def forward(self, luma: Tensor, hints: Tensor | None = None) -> Tensor:
        """The expected chroma ``[B, 2, H, W]``, for where no branch is named."""
        return self.hypotheses(luma, hints)[:, 0]


def no_hints(luma: Tensor) -> Tensor:
    """The hints of a picture of which no colour is known."""
    return luma.new_zeros(luma.shape[0], PLANES, *luma.shape[-2:])


def pad_to(x: Tensor, multiple: int) -> Tensor:
    """Continues a picture at the bottom and the right by its border until its sides are multiples of a number."""
    height, width = x.shape[-2:]
    margin = (0, -width % multiple, 0, -height % multiple)
    return F.pad(x, margin, mode="replicate") if any(margin) else x


@torch.no_grad()
def initialise(module: nn.Module) -> None:
    """Kaiming's weights for leaky units of slope .1: default ones leave such nets nearly linear for long."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, a=0.1)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
