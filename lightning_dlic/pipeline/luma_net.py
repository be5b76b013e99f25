"""A decoded base layer through a super-resolution network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lightning_dlic.imaging.finite import finite
from lightning_dlic.imaging.tiles import enlarge, net_halo
from lightning_dlic.pipeline.recipe import PipelineError
from lightning_dlic.zoo import load_net

U8 = NDArray[np.uint8]
# Larger than for colour: a wide halo wastes less of a larger tile.
_TILE = 384


@dataclass(frozen=True)
class Enlarger:
    """Enlarges 8-bit luma by a network.

    Attributes:
        net: Maps ``[B, 1, h, w]`` in [0, 1] to ``[B, 1, h*scale, w*scale]``.
        scale: Its factor.
        halo: Low-resolution pixels on each side that an output pixel depends on.
    """

    net: nn.Module
    scale: int
    halo: int | None

    def __call__(self, plane: U8, height: int, width: int) -> U8:
        """Enlarges ``[h, w]`` and keeps ``height`` rows and ``width`` columns."""
        picture = torch.from_numpy(np.ascontiguousarray(plane))[None, None]
        whole = enlarge(self.net, picture, self.scale, halo=self.halo, prepare=_to_unit, finish=_to_uint8, tile=_TILE)
        return np.ascontiguousarray(whole[0, 0, :height, :width].numpy())


def _to_unit(part: Tensor) -> Tensor:
    return part.float().div(255.0).contiguous(memory_format=torch.channels_last)


def _to_uint8(part: Tensor) -> Tensor:
    return finite(part).mul(255.0).round_().clamp_(0.0, 255.0).to(torch.uint8)


@lru_cache(maxsize=8)
def load_enlarger(target: str, scale: int) -> Enlarger:
    """Loads a network for luma.

    Args:
        target: ``zoo:NAME`` or the path of a weights file.
        scale: Factor that it must have.

    Raises:
        DlicError: The weights cannot be found or used.
        PipelineError: The network is for colour, or of another scale.
    """
    net, meta = load_net(target)
    if meta.get("scale") != scale or meta.get("channels") != 1:
        found = f"scale {meta.get('scale')} and {meta.get('channels')} channels"
        raise PipelineError(f"{target}: has {found}; here it must have scale {scale} and 1 channel, luma")
    halo = net_halo(net, 1)
    # A third faster on CPUs than the default layout.
    return Enlarger(net.eval().to(memory_format=torch.channels_last), scale, halo)
