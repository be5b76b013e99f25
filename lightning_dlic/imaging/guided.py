"""The guided filter (He, Sun, Tang 2010) with weights: spreads what is known of some places along a guide's edges."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_LEAST = 1e-6


def box(x: Tensor, radius: int | Tensor) -> Tensor:
    """Sums over squares of ``2 * radius + 1`` pixels around each place, cut off at the borders.

    Args:
        x: Float ``[B, C, H, W]``.
        radius: In pixels, at least 1; one of each picture, int64 ``[B]``, or the same of all.

    Returns:
        The same shape.
    """
    reach = torch.as_tensor(radius, device=x.device).reshape(-1, 1, 1, 1)
    for dim in (-1, -2):
        # In double precision: a running sum over a whole row loses digits.
        total = F.pad(torch.cumsum(x, dim, dtype=torch.float64), (1, 0) if dim == -1 else (0, 0, 1, 0))
        size = x.shape[dim]
        place = torch.arange(size, device=x.device).reshape(-1, *(1,) * (-1 - dim))
        ends = ((place + reach + 1).clamp(max=size), (place - reach).clamp(min=0))
        upper, lower = (total.gather(dim, end.expand(*x.shape)) for end in ends)
        x = (upper - lower).to(x.dtype)
    return x


def guided_lines(
    guide: Tensor, known: Tensor, mask: Tensor, radius: int | Tensor, epsilon: float = 1e-3
) -> tuple[Tensor, Tensor]:
    """Fits what is known by lines of the guide in windows, weighted by the mask, and averages the lines.

    Args:
        guide: Luma ``[B, 1, H, W]`` in [0, 1].
        known: ``[B, C, H, W]``, zero where the mask is.
        mask: Weight of each place ``[B, 1, H, W]`` in [0, 1].
        radius: Of the windows, in pixels; as in `box`.
        epsilon: Variance of the guide below which it counts as flat.

    Returns:
        Slope and offset, each ``[B, C, H, W]``: ``slope * guide + offset`` is the filtered map. Both are 0 where
        nothing is known within reach.
    """
    channels = known.shape[1]
    moments = box(torch.cat((mask, mask * guide, mask * guide * guide, known, known * guide), dim=1), radius)
    weight = moments[:, :1]
    mean = moments / weight.clamp(min=_LEAST)
    mean_guide, mean_square = mean[:, 1:2], mean[:, 2:3]
    mean_known, mean_product = mean[:, 3 : 3 + channels], mean[:, 3 + channels :]
    variance = (mean_square - mean_guide**2).clamp(min=0.0)
    slope = (mean_product - mean_guide * mean_known) / (variance + epsilon)
    offset = mean_known - slope * mean_guide
    # Windows with little known count little.
    sums = box(torch.cat((weight, weight * slope, weight * offset), dim=1), radius)
    found = (sums[:, :1] > _LEAST).to(guide.dtype)
    slope, offset = (sums[:, 1:] / sums[:, :1].clamp(min=_LEAST) * found).chunk(2, dim=1)
    return slope, offset
