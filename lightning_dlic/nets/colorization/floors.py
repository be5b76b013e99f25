"""What colour can be had without weights: the floors that networks must beat, and the fallback where there are none."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from lightning_dlic.imaging.guided import guided_lines
from lightning_dlic.nets.colorization.base import ColorNet, no_hints

# Window of the guided filter as a share of a region's side, and the luma variance that counts as flat.
_SHARE, _FLAT = 0.2, 2e-3
_WIDEST = 64


class FlatFloor(ColorNet):
    """Paints each region with its own colour; unknown places get the mean of those known."""

    takes_hints: ClassVar[bool] = True

    def forward(self, luma: Tensor, hints: Tensor | None = None) -> Tensor:
        """Maps ``[B, 1, H, W]`` and hints to ``[B, 2, H, W]``; grey without hints."""
        known = no_hints(luma) if hints is None else hints
        return known[:, :2] + (1.0 - known[:, 2:3]) * mean_color(known)

    def hypotheses(self, luma: Tensor, hints: Tensor | None = None) -> Tensor:
        """The one map there is ``[B, 1, 2, H, W]``."""
        only: Tensor = self(luma, hints)
        return only.unsqueeze(1)


class MeanFloor(FlatFloor):
    """One colour for the whole picture: the mean of the hints."""

    def forward(self, luma: Tensor, hints: Tensor | None = None) -> Tensor:
        """Maps ``[B, 1, H, W]`` and hints to ``[B, 2, H, W]``; grey without hints."""
        known = no_hints(luma) if hints is None else hints
        return mean_color(known).expand(-1, -1, *luma.shape[-2:])


class GuidedFloor(FlatFloor):
    """Regions' colours, smoothed along the edges of luma by a guided filter as wide as the regions ask for."""

    def forward(self, luma: Tensor, hints: Tensor | None = None) -> Tensor:
        """Maps ``[B, 1, H, W]`` and hints to ``[B, 2, H, W]``; grey without hints."""
        known = no_hints(luma) if hints is None else hints
        filled = super().forward(luma, known)
        parts = [_smooth(luma[i : i + 1], filled[i : i + 1], known[i : i + 1]) for i in range(len(luma))]
        return torch.cat(parts)


def mean_color(hints: Tensor) -> Tensor:
    """Mean of the known colours ``[B, 2, 1, 1]``; grey where none is known."""
    sums = hints.sum((2, 3), keepdim=True)
    return sums[:, :2] / sums[:, 2:3].clamp(min=1.0)


def region_side(hints: Tensor) -> float:
    """The usual side of one picture's regions, in pixels, judged by how often colour changes from place to place."""
    across = (hints[..., 1:] != hints[..., :-1]).any(1).double().mean().item() if hints.shape[-1] > 1 else 0.0
    down = (hints[..., 1:, :] != hints[..., :-1, :]).any(1).double().mean().item() if hints.shape[-2] > 1 else 0.0
    return 2.0 / max(across + down, 2.0 / max(hints.shape[-2:]))


def _smooth(luma: Tensor, filled: Tensor, hints: Tensor) -> Tensor:
    radius = max(1, min(_WIDEST, round(_SHARE * region_side(hints))))
    slope, offset = guided_lines(luma, filled, torch.ones_like(luma), radius, _FLAT)
    return slope * luma + offset
