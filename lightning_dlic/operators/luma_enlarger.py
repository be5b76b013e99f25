"""A decoded base layer through a super-resolution network."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightning_dlic.imaging.finite import finite
from lightning_dlic.imaging.tiles import enlarge, net_halo
from lightning_dlic.operators.base import Facts, Operator
from lightning_dlic.zoo import load_net
from lightning_dlic.zoo.files import WeightsError

U8 = NDArray[np.uint8]


class PlaneEnlarger(Operator):
    """Enlarges 8-bit luma: a network that enlarges, in the decoder."""

    role: ClassVar[str] = "enlarge"
    plain: ClassVar[bool] = True
    noun: ClassVar[str] = "a network that enlarges luma"

    def _facts(self) -> Facts:
        scale, channels = self.meta.get("scale"), self.meta.get("channels")
        if not isinstance(scale, int) or scale < 1 or channels != 1:
            raise self.refusal(f"kind {self.kind!r}, scale {scale!r}, {channels!r} channels")
        return Facts(self.kind, (scale,), 1, net_halo(self.net, 1), "luma")

    def __call__(self, plane: U8, height: int, width: int) -> U8:
        """Enlarges ``[h, w]`` and keeps ``height`` rows and ``width`` columns."""
        picture = torch.from_numpy(np.ascontiguousarray(plane))[None, None]
        facts = self.facts
        whole = enlarge(self.net, picture, facts.scale, halo=facts.halo, prepare=self._to_unit, finish=_to_uint8)
        return np.ascontiguousarray(whole[0, 0, :height, :width].numpy())

    def _to_unit(self, part: Tensor) -> Tensor:
        return part.to(self.device).float().div(255.0)


def _to_uint8(part: Tensor) -> Tensor:
    return finite(part).mul(255.0).round_().clamp_(0.0, 255.0).to(torch.uint8).cpu()


@lru_cache(maxsize=8)
def load_enlarger(target: str, scale: int) -> PlaneEnlarger:
    """Loads a network for luma.

    Args:
        target: ``zoo:NAME`` or the path of a weights file.
        scale: Factor that it must have.

    Raises:
        DlicError: The weights cannot be found or used.
        WeightsError: The network is for colour, or of another scale.
    """
    net, meta = load_net(target)
    if meta.get("scale") != scale or meta.get("channels") != 1:
        found = f"scale {meta.get('scale')} and {meta.get('channels')} channels"
        raise WeightsError(f"{target}: has {found}; here it must have scale {scale} and 1 channel, luma")
    return PlaneEnlarger(target, net, meta)
