"""A network that repairs a picture: in goes a picture, out comes one of the same size."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightning_dlic.codec.planes import Planes
from lightning_dlic.imaging.finite import finite
from lightning_dlic.imaging.numpy.color import merge, split
from lightning_dlic.imaging.numpy.resize import enlarge as enlarge_plane
from lightning_dlic.imaging.numpy.resize import shrink
from lightning_dlic.imaging.tiles import enlarge, net_halo
from lightning_dlic.operators.base import Facts, Operator
from lightning_dlic.operators.layers import Layers
from lightning_dlic.operators.planes import apply_net

U8 = NDArray[np.uint8]


class Restorer(Operator):
    """Repairs 8-bit pictures: what a decoded base layer goes through before it is enlarged, for one.

    Its network maps ``[B, C, h, w]`` in [0, 1] to the same, with 1 or 3 ``channels`` as its file says, 1 by default.
    """

    plain: ClassVar[bool] = True
    noun: ClassVar[str] = "a network that restores pictures"

    def _facts(self) -> Facts:
        channels, scale = self.meta.get("channels", 1), self.meta.get("scale", 1)
        if channels not in (1, 3) or scale != 1:
            raise self.refusal(f"kind {self.kind!r}, {channels!r} channels, scale {scale!r}")
        return Facts(self.kind, (1,), channels, net_halo(self.net, channels), "luma" if channels == 1 else "rgb")

    @torch.inference_mode()
    def __call__(self, picture: U8, quality: float | None = None) -> U8:
        """Repairs a picture, tile by tile.

        Args:
            picture: uint8 ``[h, w]`` or RGB ``[h, w, 3]``.
            quality: What the picture went through, `BaseCodec.log_step`; None where it is not known.

        Returns:
            uint8 of the same shape.
        """
        planes = picture[..., None] if picture.ndim == 2 else picture
        whole = torch.from_numpy(np.ascontiguousarray(planes)).permute(2, 0, 1)[None]

        def apply(x: Tensor) -> Tensor:
            return self.apply(x, quality)

        made = enlarge(apply, whole, 1, halo=self.facts.halo, prepare=self._prepare, finish=_finish)
        pixels = np.ascontiguousarray(made[0].permute(1, 2, 0).numpy())
        return pixels[..., 0] if picture.ndim == 2 else pixels

    def advance(self, layers: Layers) -> Layers:
        """Repairs the base layer: its luma, or its colours too where the network takes three channels."""
        planes = layers.planes
        if self.facts.channels == 1 or planes.cb is None or planes.cr is None:
            return replace(layers, planes=replace(planes, y=self(planes.y, layers.step)))
        height, width = planes.size
        chroma = [enlarge_plane(plane, 2, height, width) for plane in (planes.cb, planes.cr)]
        made = split(self(merge(planes.y, *chroma), layers.step))
        return replace(layers, planes=Planes(made[0], *(shrink(plane, 2) for plane in made[1:])))

    def apply(self, x: Tensor, quality: float | None) -> Tensor:
        """Repairs a float piece ``[1, 3|1, h, w]`` in [0, 1]; a subclass passes the quality on to its network."""
        return apply_net(self.net, self.facts.channels, 1, x)

    def _prepare(self, part: Tensor) -> Tensor:
        return part.to(self.device).float() / 255.0


def _finish(part: Tensor) -> Tensor:
    return finite(part).mul(255.0).round_().clamp_(0.0, 255.0).to(torch.uint8).cpu()
