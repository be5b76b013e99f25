"""A network for luma or for RGB on pictures of either."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lightning_dlic.imaging.color import luma, rgb_to_ycbcr, ycbcr_to_rgb
from lightning_dlic.imaging.resize import resize


def apply_net(net: Callable[[Tensor], Tensor], channels: int, scale: int, x: Tensor) -> Tensor:
    """Applies a network to a picture with other channels than it takes.

    Colour reaches a network of luma only by its luma; chroma is then enlarged by bicubic.

    Args:
        net: Maps ``[1, channels, h, w]`` in [0, 1] to ``[1, channels, h*scale, w*scale]``.
        channels: 1 or 3.
        scale: Its factor.
        x: Float ``[1, 3|1, h, w]`` in [0, 1].

    Returns:
        ``[1, 3|1, h*scale, w*scale]``, not clipped.
    """
    if x.shape[1] == channels:
        return net(x)
    if channels == 3:
        return luma(net(x.expand(-1, 3, -1, -1)))
    ycbcr = rgb_to_ycbcr(x)
    chroma = ycbcr[:, 1:] if scale == 1 else resize(ycbcr[:, 1:].double(), scale=float(scale)).float()
    return ycbcr_to_rgb(torch.cat((net(ycbcr[:, :1]), chroma), dim=1))
