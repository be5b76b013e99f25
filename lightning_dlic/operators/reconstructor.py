"""A network that makes the whole picture of a decoded base layer: in colour, or the luma of a grey one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dlic_registry import DlicError
from lightning_dlic.codec.planes import Planes
from lightning_dlic.imaging.finite import finite
from lightning_dlic.imaging.numpy.color import luma
from lightning_dlic.imaging.resize import resize_uint8
from lightning_dlic.imaging.spans import wide_tile
from lightning_dlic.imaging.tiles import enlarge, net_halo
from lightning_dlic.operators.base import Facts, Operator
from lightning_dlic.operators.layers import Layers

U8 = NDArray[np.uint8]


class _Fixed(nn.Module):
    """The network with its conditions fixed: a function of the base layer alone."""

    def __init__(self, net: nn.Module, scale: int, quality: float, alpha: float) -> None:
        super().__init__()
        self.net, self.scale, self.quality, self.alpha = net, scale, quality, alpha
        self.halo = getattr(net, "halo", None)

    def forward(self, ycbcr: Tensor) -> Tensor:
        """See `nets.reconstruction.decoder_unet.DecoderUNet.forward`."""
        quality, alpha = (ycbcr.new_full((len(ycbcr),), value) for value in (self.quality, self.alpha))
        output: Tensor = self.net(ycbcr, quality, self.scale, alpha)
        return output


class Reconstructor(Operator):
    """Makes pictures of decoded base layers: enlarges, repairs and colours at once.

    Its network is called as `DecoderUNet` is, and says by ``scales`` what it enlarges by and by ``multiple`` what its
    tiles are aligned to.
    """

    noun: ClassVar[str] = "a network that makes pictures of base layers"

    def _facts(self) -> Facts:
        scales = getattr(self.net, "scales", None)
        if not scales or list(scales) != self.meta.get("scales"):
            raise self.refusal(f"kind {self.kind!r}, scales {self.meta.get('scales')!r}")
        self.multiple = int(getattr(self.net, "multiple", 1))
        halo = net_halo(_Fixed(self.net, scales[0], math.nan, 0.0), 3)
        if halo is not None and not hasattr(self.net, "halo"):
            # Measured at one place; from others a network with strides reaches so much farther.
            halo += self.multiple - 1
        # A fifth faster on CPUs than the default layout, and no slower on GPUs.
        self.net.to(memory_format=torch.channels_last)
        return Facts(self.kind, tuple(scales), 3, halo, "ycbcr")

    @torch.inference_mode()
    def __call__(
        self,
        planes: Planes | tuple[U8, U8, U8],
        scale: int,
        height: int | None = None,
        width: int | None = None,
        *,
        quality: float | None = None,
        alpha: float = 0.0,
    ) -> U8:
        """Makes a picture, tile by tile.

        Args:
            planes: The decoded base layer, grey where it has no chroma; or Y', Cb and Cr, each uint8 ``[h, w]``.
            scale: Factor of enlargement, one of ``facts.scales``.
            height: Rows that are kept; all by default.
            width: Columns that are kept.
            quality: `BaseCodec.log_step` of what it was coded with; None where it is not known.
            alpha: How much may be made up, from 0, faithful, to 1, vivid.

        Returns:
            RGB, uint8 ``[height, width, 3]``.

        Raises:
            DlicError: The network has no such scale.
        """
        if scale not in self.facts.scales:
            known = ", ".join(f"x{each}" for each in self.facts.scales)
            raise DlicError(f"{self.name}: enlarges by {known}, not x{scale}")
        base = _levels(planes) if isinstance(planes, Planes) else _stacked(*planes)
        rows, columns = base.shape[-2:]
        size = (rows * scale if height is None else height, columns * scale if width is None else width)
        net = _Fixed(self.net, scale, math.nan if quality is None else quality, alpha)
        whole = enlarge(
            net,
            base,
            scale,
            halo=self.facts.halo,
            tile=wide_tile(rows, columns),
            align=self.multiple,
            size=size,
            layout=torch.channels_last,
            prepare=self._prepare,
            finish=_finish,
        )
        return np.ascontiguousarray(whole[0].permute(1, 2, 0).numpy())

    def advance(self, layers: Layers) -> Layers:
        """Makes the picture of a base layer, or the luma of a grey one.

        Colour comes from the base layer's chroma, or from hints as the guided filter spreads them over the base layer;
        where hints leave it to a network for colour, that network gets the luma made here.
        """
        if layers.planes.color:
            return replace(layers, picture=self._whole(layers, layers.planes))
        if layers.coloring is None or layers.coloring.head.net:
            return replace(layers, luma=luma(self._whole(layers, layers.planes)))
        # It takes Numba, which pictures without hints do without.
        from lightning_dlic.operators.color import spread_planes

        planes = layers.planes.y, *spread_planes(layers.planes.y, layers.base.y, layers.coloring)
        return replace(layers, picture=self._whole(layers, planes))

    def _whole(self, layers: Layers, planes: Planes | tuple[U8, U8, U8]) -> U8:
        size = layers.height, layers.width
        return self(planes, layers.scale, *size, quality=layers.step, alpha=layers.alpha)

    def _prepare(self, part: Tensor) -> Tensor:
        unit = part.to(self.device).float() / 255.0
        centred = torch.cat((unit[:, :1], unit[:, 1:] - 128.0 / 255.0), dim=1)
        return centred.contiguous(memory_format=torch.channels_last)


def _levels(planes: Planes) -> Tensor:
    """Y', and Cb and Cr enlarged to its size, uint8 ``[1, 3, h, w]``."""
    if planes.cb is None or planes.cr is None:
        return _stacked(planes.y, *[np.full_like(planes.y, 128)] * 2)
    height, width = planes.size
    small = (torch.from_numpy(np.ascontiguousarray(plane)) for plane in (planes.cb, planes.cr))
    return _stacked(planes.y, *(resize_uint8(plane, scale=2.0)[:height, :width].numpy() for plane in small))


def _stacked(*planes: U8) -> Tensor:
    return torch.from_numpy(np.stack(planes))[None]


def _finish(part: Tensor) -> Tensor:
    return finite(part).mul(255.0).round_().clamp_(0.0, 255.0).to(torch.uint8).cpu()
