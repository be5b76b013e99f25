"""Several maps of chroma from one trunk (after Baig and Torresani 2017), with hints as input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_dlic.imaging.guided import guided_lines
from lightning_dlic.nets.colorization.base import ColorNet, initialise, no_hints, pad_to
from lightning_dlic.nets.colorization.unet import UNet

# Radii of the guided filters that spread the hints, in pixels at half the resolution.
_RADII = (2, 6, 18)
# Chroma is small beside luma: about this much makes the two alike as inputs.
_GAIN = 6.0


class MultiHypothesisCompact(ColorNet):
    """Chroma as lines of luma: ``slope * Y' + offset``, both maps at half the resolution, for each of K branches.

    The hints, spread along edges of luma by guided filters of three radii, are lines already. The network chooses among
    them at each place and adds its own: untrained it is such a filter, and without hints it starts from grey. All its
    convolutions work at a quarter of the resolution and below.
    """

    space: ClassVar[str] = "cbcr"
    takes_hints: ClassVar[bool] = True

    def __init__(self, branches: int = 5, widths: Sequence[int] = (48, 64, 96, 112), blocks: int = 2) -> None:
        """Builds the network.

        Args:
            branches: Hypotheses K; the first is the expectation.
            widths: Channels at 1/4, 1/8, 1/16, ... of the resolution.
            blocks: Residual blocks at the coarsest level.

        Raises:
            ValueError: There is no branch.
        """
        super().__init__()
        if branches < 1:
            raise ValueError(f"branches must be at least 1, not {branches}")
        self.branches = branches
        self.choices = len(_RADII) + 1
        # Luma in 16 phases; pooled hints; the spread maps in 4 phases.
        self.trunk = UNet(16 + 3 + 4 * 2 * len(_RADII), widths, blocks)
        # In 4 phases each: a choice among the spread maps, and slope and offset of Cb and Cr of each branch.
        self.tail = nn.Conv2d(widths[0], 4 * (self.choices + 4 * branches), 3, padding=1)
        initialise(self)
        with torch.no_grad():
            # Little but not nothing: branches that begin alike would stay alike.
            self.tail.weight.mul_(0.005)

    def hypotheses(self, luma: Tensor, hints: Tensor | None = None) -> Tensor:
        """Maps ``[B, 1, H, W]`` and hints to ``[B, K, 2, H, W]``."""
        return self._maps(luma, hints, self.branches)

    def forward(self, luma: Tensor, hints: Tensor | None = None) -> Tensor:
        """The first branch alone ``[B, 2, H, W]``."""
        return self._maps(luma, hints, 1)[:, 0]

    def _maps(self, luma: Tensor, hints: Tensor | None, count: int) -> Tensor:
        height, width = luma.shape[-2:]
        whole = pad_to(luma, 4 * self.trunk.multiple)
        known = pad_to(no_hints(luma) if hints is None else hints, 4 * self.trunk.multiple)
        small, slopes, offsets = _spread(whole, known)
        seen = _inputs(whole, known, small, slopes, offsets)
        out = F.pixel_shuffle(self.tail(self.trunk(seen)), 2).float()
        choice = out[:, : self.choices].softmax(dim=1).unsqueeze(2)
        lines = out[:, self.choices :].reshape(len(out), self.branches, 2, 2, *out.shape[2:])[:, :count]
        slope = (choice * slopes).sum(1).unsqueeze(1) + lines[:, :, 0]
        offset = (choice * offsets).sum(1).unsqueeze(1) + lines[:, :, 1]
        full = F.interpolate(torch.cat((slope, offset), dim=2).flatten(1, 2), scale_factor=2.0, mode="bilinear")
        slope, offset = full.reshape(len(full), count, 4, *full.shape[2:]).chunk(2, dim=2)
        # About mid-grey: so slope and offset disturb one another least.
        maps: Tensor = slope * (whole.unsqueeze(1) - 0.5) + offset
        return maps[..., :height, :width]


@torch.no_grad()
def _spread(luma: Tensor, hints: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Luma at half the resolution, and the lines of the hints as they are and spread: ``[B, 1 + radii, 2, h, w]``."""
    small, known = F.avg_pool2d(luma.float(), 2), F.avg_pool2d(hints.float(), 2)
    centred = small - 0.5
    chroma, mask = known[:, :2], known[:, 2:]
    lines = [guided_lines(centred, chroma, mask, radius) for radius in _RADII]
    raw = chroma / mask.clamp(min=0.25)
    slopes = torch.stack([torch.zeros_like(raw), *(slope for slope, _ in lines)], dim=1)
    offsets = torch.stack([raw, *(offset for _, offset in lines)], dim=1)
    return centred, slopes, offsets


def _inputs(luma: Tensor, hints: Tensor, small: Tensor, slopes: Tensor, offsets: Tensor) -> Tensor:
    spread = (slopes[:, 1:] * small.unsqueeze(1) + offsets[:, 1:]).flatten(1, 2)
    pooled = F.avg_pool2d(hints, 4)
    scaled = torch.cat((pooled[:, :2] * _GAIN, pooled[:, 2:]), dim=1)
    return torch.cat((F.pixel_unshuffle(luma, 4) - 0.5, scaled, F.pixel_unshuffle(spread, 2) * _GAIN), dim=1)
