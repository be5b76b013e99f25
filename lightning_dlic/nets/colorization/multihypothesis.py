"""Several maps of chroma from one trunk (after Baig and Torresani 2017), with hints as input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_dlic.imaging.guided import guided_lines
from lightning_dlic.imaging.hint_planes import PLANES, SIDE
from lightning_dlic.nets.colorization.base import ColorNet, initialise, no_hints, pad_to
from lightning_dlic.nets.colorization.unet import UNet

# Radii of the guided filters that spread the hints, in sides of a region; the first is the one of the decoder without
# weights.
_RADII = (0.5, 1.25)
# Chroma is small beside luma: about this much makes the two alike as inputs.
_GAIN = 6.0


class MultiHypothesisCompact(ColorNet):
    """Chroma as lines of luma, ``slope * Y' + offset``, for each of K branches.

    The hints, spread along edges of luma by a guided filter as wide as their regions ask for, are such lines already.
    The network moves them towards the hints as they are, towards those of a wider filter, and by lines of its own:
    untrained it is the filter, and without hints it starts from grey. Its convolutions work at half the resolution and
    below: the regions of 600 bytes are few pixels wide.
    """

    space: ClassVar[str] = "cbcr"
    takes_hints: ClassVar[bool] = True

    def __init__(self, branches: int = 5, widths: Sequence[int] = (32, 64, 96, 128, 128), blocks: int = 1) -> None:
        """Builds the network.

        Args:
            branches: Hypotheses K; the first is the expectation.
            widths: Channels at 1/2, 1/4, 1/8, ... of the resolution.
            blocks: Residual blocks at the coarsest level.

        Raises:
            ValueError: There is no branch.
        """
        super().__init__()
        if branches < 1:
            raise ValueError(f"branches must be at least 1, not {branches}")
        self.branches = branches
        # Luma in 4 phases, the filter's chroma, its slopes, what the other lines would change, what else hints say.
        self.trunk = UNet(4 + 2 + 2 + 2 * len(_RADII) + PLANES - 2, widths, blocks)
        # In 4 phases each: how far towards each of the other lines, and slope and offset of Cb and Cr of each branch.
        self.tail = nn.Conv2d(widths[0], 4 * (len(_RADII) + 4 * branches), 3, padding=1)
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
        whole = pad_to(luma, 2 * self.trunk.multiple).float()
        known = pad_to(no_hints(luma) if hints is None else hints, 2 * self.trunk.multiple).float()
        # About mid-grey: so slope and offset disturb one another least.
        centred = whole - 0.5
        spread = _spread(centred, known)
        out = F.pixel_shuffle(self.tail(self.trunk(_inputs(centred, known, spread))), 2).float()
        shares, own = out[:, : len(_RADII)], out[:, len(_RADII) :]
        own = own.reshape(len(own), self.branches, 2, 2, *own.shape[2:])[:, :count]
        chroma = spread.chroma + sum(shares[:, i : i + 1] * move for i, move in enumerate(spread.moves))
        maps: Tensor = chroma.unsqueeze(1) + own[:, :, 0] * centred.unsqueeze(1) + own[:, :, 1]
        return maps[..., :height, :width]


@dataclass(frozen=True)
class _Spread:
    """Hints spread by filters.

    Attributes:
        chroma: As the decoder without weights would have it ``[B, 2, H, W]``.
        slopes: Of its lines.
        moves: What the hints as they are, and those of each wider filter, differ from it by.
    """

    chroma: Tensor
    slopes: Tensor
    moves: list[Tensor]


@torch.no_grad()
def _spread(centred: Tensor, hints: Tensor) -> _Spread:
    sides = hints[:, 3].amax((1, 2)) * SIDE
    radii = [torch.round(share * sides).clamp(min=1).long() for share in _RADII]
    lines = [guided_lines(centred, hints[:, :2], hints[:, 2:3], radius) for radius in radii]
    first, *others = (slope * centred + offset for slope, offset in lines)
    # Where nothing is known the filter's guess stands.
    flat = hints[:, :2] + (1.0 - hints[:, 2:3]) * first
    return _Spread(first, lines[0][0], [plane - first for plane in (flat, *others)])


def _inputs(centred: Tensor, hints: Tensor, spread: _Spread) -> Tensor:
    chroma = F.avg_pool2d(torch.cat((spread.chroma, spread.slopes, *spread.moves), dim=1), 2)
    return torch.cat((F.pixel_unshuffle(centred, 2), chroma * _GAIN, F.avg_pool2d(hints[:, 2:], 2)), dim=1)
