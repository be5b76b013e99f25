"""A colour network in the decoder: luma and decoded hints to planes of chroma."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lightning_dlic.codec.hints.aim import Aim
from lightning_dlic.codec.hints.base import Coloring
from lightning_dlic.codec.hints.paint import enlarged, paint
from lightning_dlic.imaging.chroma import to_cbcr
from lightning_dlic.imaging.finite import finite
from lightning_dlic.imaging.guided import guided_lines
from lightning_dlic.nets.colorization.base import ColorNet
from lightning_dlic.operators.base import Facts, Operator
from lightning_dlic.operators.color import EPSILON, LARGEST, RADIUS, along, color, copy_factor
from lightning_dlic.operators.layers import Layers

# Colourings that are remembered: two are made before the encoder chooses between them.
_KEPT = 2

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


class Colorizer(Operator):
    """Makes chroma of luma with a network, and hints where it takes them."""

    noun: ClassVar[str] = "a network for colour"
    net: ColorNet
    _kept: tuple[tuple[bytes, F32], ...] = ()

    def _facts(self) -> Facts:
        if not isinstance(self.net, ColorNet):
            raise self.refusal(f"kind {self.kind!r}")
        return Facts(self.kind, (1,), 1, None, self.net.space)

    @torch.inference_mode()
    def __call__(self, luma: U8, hints: Coloring | None = None) -> F32:
        """Colours a picture.

        Args:
            luma: uint8 ``[H, W]``.
            hints: Decoded hints of it, or of a smaller copy.

        Returns:
            Cb and Cr in levels about 0, ``[2, H, W]``; perhaps out of gamut.
        """
        # The encoder asks for the colours of its choice once more.
        key = _digest(luma, hints)
        for asked, made in self._kept:
            if asked == key:
                return made
        made = self._colored(luma, hints)
        self._kept = ((key, made), *self._kept[: _KEPT - 1]) if luma.size <= LARGEST else ()
        return made

    def _colored(self, luma: U8, hints: Coloring | None) -> F32:
        factor = copy_factor(luma)
        small = self._luma(luma)
        if factor > 1:
            small = F.avg_pool2d(small, factor, ceil_mode=True, count_include_pad=False)
        chroma = self._chroma(small, hints)
        if factor > 1:
            return _enlarged(chroma, small, luma, factor)
        levels: F32 = (chroma[0] * 255.0).nan_to_num(0.0).cpu().numpy()
        return levels

    def advance(self, layers: Layers) -> Layers:
        """Colours the enlarged luma, where the hints leave that to a network."""
        if layers.coloring is None or not layers.coloring.head.net:
            return layers
        made = color(layers.enlarged(), layers.base.y, layers.coloring, layers.scale, self)
        return replace(layers, picture=made)

    def _luma(self, luma: U8) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(luma))[None, None].to(self.device).float() / 255.0

    def _chroma(self, luma: Tensor, hints: Coloring | None) -> Tensor:
        if hints is None or not self.net.takes_hints:
            return to_cbcr(luma, self.net(luma, None), self.net.space)
        size = luma.shape[-2], luma.shape[-1]
        painted = self._painted(hints, size)
        if not (hints.branches >= 0).any():
            return to_cbcr(luma, self.net(luma, painted), self.net.space)
        maps = self.net.hypotheses(luma, painted)
        branches = torch.from_numpy(enlarged(hints.branches[hints.labels], size)).to(self.device)
        chosen = branches.clamp(0, maps.shape[1] - 1).expand(1, 1, 2, -1, -1)
        return to_cbcr(luma, maps.gather(1, chosen)[:, 0], self.net.space)

    def _painted(self, hints: Coloring, size: tuple[int, int]) -> Tensor:
        return torch.from_numpy(paint(hints, size))[None].to(self.device)

    @torch.inference_mode()
    def hypotheses(self, luma: U8, hints: Coloring) -> F32:
        """All branches' Cb and Cr in levels about 0, ``[K, 2, H, W]``; for the encoder, at the size of the guide."""
        whole = self._luma(luma)
        painted = self._painted(hints, (luma.shape[0], luma.shape[1]))
        maps = self.net.hypotheses(whole, painted if self.net.takes_hints else None)[0]
        chroma = to_cbcr(whole.expand(len(maps), -1, -1, -1), maps, self.net.space)
        levels: F32 = finite(chroma * 255.0).cpu().numpy()
        return levels

    def final(self, luma: U8, aim: Aim) -> Callable[[Coloring], F32] | None:
        """Chroma as the decoder makes it of the whole picture's luma, at the guide's size, for the search's end.

        Args:
            luma: As the decoder has it, uint8 ``[H, W]``.
            aim: What the search comes near to.

        Returns:
            None where `render` gives the same.
        """
        if luma.shape == aim.luma.shape:
            return None
        return lambda hints: aim.shrunk(self(luma, hints))

    def render(self, luma: U8) -> Callable[[Coloring], F32]:
        """What the encoder's search calls: chroma of this luma by hints."""
        return lambda hints: self(luma, hints)


def _digest(luma: U8, hints: Coloring | None) -> bytes:
    """What a colouring depends on, in a few bytes."""
    found = hashlib.blake2b(repr(luma.shape).encode(), digest_size=16)
    parts = [] if hints is None else [hints.labels, hints.colors, hints.branches, hints.sent]
    for part in (luma, *parts):
        found.update(np.ascontiguousarray(part).data)
    return found.digest() if hints is None else found.digest() + repr((hints.head, hints.factor)).encode()


def _enlarged(chroma: Tensor, small: Tensor, luma: U8, factor: int) -> F32:
    """Levels of chroma of a small copy of luma for the whole, as lines of luma; strip by strip."""
    found = torch.cat(guided_lines(small, chroma, torch.ones_like(small), RADIUS, EPSILON), dim=1)
    return along(found[0].nan_to_num(0.0).cpu().numpy(), luma, factor)
