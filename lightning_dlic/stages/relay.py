"""What one stage of a chain hands to the next: a picture on its way from the base layer to colour at full size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dlic_registry import DlicError
from lightning_dlic.imaging.chroma import merge
from lightning_dlic.imaging.color import luma_uint8, rgb_to_ycbcr, ycbcr_to_rgb
from lightning_dlic.imaging.resize import resize, resize_uint8


@dataclass(frozen=True)
class Relay:
    """A batch of pictures as far as the stages before have brought them.

    Attributes:
        luma: Full-range Y' ``[B, 1, h, w]``, about in [0, 1].
        scale: By how much both sides are still to grow: a whole number, 1 at full size.
        base: Luma of the base layer as the decoder has it ``[B, 1, h0, w0]``, whatever stages have made of it since.
        original: The pictures to come near to, RGB ``[B, 3, H, W]`` in [0, 1]; ``H`` and ``W`` are whole multiples.
        chroma: Cb and Cr of luma's size, centred ``[B, 2, h, w]``; None where there is no colour yet.
        quality: Logarithm of the base codec's step ``[B]``, not-a-number where unknown; None where nobody said.
        hints: As `nets.colorization.base.ColorNet` takes them ``[B, 6, H, W]``; None where none were sent.
        drawing: Whether what may be drawn is drawn: in training.
    """

    luma: Tensor
    scale: int
    base: Tensor
    original: Tensor
    chroma: Tensor | None = None
    quality: Tensor | None = None
    hints: Tensor | None = None
    drawing: bool = False

    def full(self) -> Relay:
        """At full size, by bicubic where no stage has enlarged it."""
        return self if self.scale == 1 else self.enlarged(resize(self.luma, scale=float(self.scale)), self.scale)

    def enlarged(self, luma: Tensor, scale: int) -> Relay:
        """With this luma, ``scale`` times as large; chroma follows by bicubic."""
        chroma = None if self.chroma is None else resize(self.chroma, scale=float(scale))
        return replace(self, luma=luma, chroma=chroma, scale=self.scale // scale)

    def guide(self) -> Tensor:
        """The base layer's luma at full size, by bicubic: what hints are cut from. ``[B, 1, H, W]`` in [0, 1]."""
        size = self.original.shape[-2], self.original.shape[-1]
        return (self.base if self.base.shape[-2:] == size else resize(self.base, size=size)).clamp(0.0, 1.0)

    def reference(self) -> Tensor:
        """What a perfect stage would hand on at this size: Y', Cb and Cr of the original ``[B, 3, h, w]``."""
        if self.scale == 1:
            return rgb_to_ycbcr(self.original)
        size = self.luma.shape[-2], self.luma.shape[-1]
        image = (self.original * 255.0).round().to(torch.uint8)
        chroma = rgb_to_ycbcr(resize_uint8(image, size=size).to(self.luma) / 255.0)[:, 1:]
        return torch.cat((resize_uint8(luma_uint8(image), size=size).to(self.luma) / 255.0, chroma), dim=1)

    def rgb(self) -> Tensor:
        """RGB of luma and chroma (grey without any) ``[B, 3, h, w]``; not clipped, so that gradients reach all."""
        if self.chroma is None:
            return self.luma.expand(-1, 3, -1, -1)
        return ycbcr_to_rgb(torch.cat((self.luma, self.chroma), dim=1))

    def picture(self) -> Tensor:
        """The picture as the decoder shows it, at full size: RGB in [0, 1], or luma alone where there is no colour."""
        whole = self.full()
        luma = whole.luma.clamp(0.0, 1.0)
        return luma if whole.chroma is None else merge(luma, whole.chroma, "cbcr")

    def colored(self, rgb: Tensor, scale: int) -> Relay:
        """With this RGB picture, ``scale`` times as large, in the place of luma and chroma."""
        ycbcr = rgb_to_ycbcr(rgb)
        return replace(self, luma=ycbcr[:, :1], chroma=ycbcr[:, 1:], scale=self.scale // scale)


class Leg(NamedTuple):
    """What a stage has done with what it was handed.

    Attributes:
        relay: What it hands on.
        inputs: What it gave to its network.
        output: What `Stage.produce` made of that: what its own losses look at.
        target: What they compare it with, made when it is asked for.
    """

    relay: Relay
    inputs: Any
    output: Any
    target: Callable[[], Tensor]


def start(batch: Mapping[str, Any], scale: int, dtype: torch.dtype, *, drawing: bool) -> Relay:
    """What a chain's first stage is handed.

    Args:
        batch: ``image`` uint8 ``[B, 3|1, H, W]``; ``base``, ``quality`` and ``hints`` where transforms added them.
        scale: By how much the chain enlarges: without a base layer, the pictures are made so much smaller.
        dtype: Of the floats.
        drawing: In training: half of the pictures are mirrored, and the relay says so to those who draw.

    Raises:
        DlicError: The batch's base layer is no whole part of its pictures.
    """
    image = batch["image"].expand(-1, 3, -1, -1)
    known = {name: batch[name] for name in ("base", "hints") if name in batch}
    if "base" not in known:
        height, width = (side // scale for side in image.shape[-2:])
        image = image[..., : height * scale, : width * scale]
        small = luma_uint8(image)
        known["base"] = small if scale == 1 else resize_uint8(small, size=(height, width))
    scale, wide = (large // small for large, small in zip(image.shape[-2:], known["base"].shape[-2:], strict=True))
    if scale != wide or not scale:
        raise DlicError(f"a base of {tuple(known['base'].shape[-2:])} for pictures of {tuple(image.shape[-2:])}")
    height, width = (side * scale for side in known["base"].shape[-2:])
    known["image"] = image[..., :height, :width]
    if drawing:
        known = _mirrored(known)
    base = known["base"].to(dtype) / 255.0
    return Relay(
        luma=base[:, :1],
        scale=scale,
        base=base[:, :1],
        original=known["image"].to(dtype) / 255.0,
        # Chroma is centred at the whole number 128.
        chroma=base[:, 1:] - 128.0 / 255.0 if base.shape[1] == 3 else None,
        quality=batch.get("quality"),
        hints=known["hints"].to(dtype) if "hints" in known else None,
        drawing=drawing,
    )


def _mirrored(parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Half of the pictures of a batch mirrored: rotations are no help where there is colour, the sky is above."""
    image = parts["image"]
    flip = torch.rand(image.shape[0], 1, 1, 1, device=image.device) < 0.5
    return {name: torch.where(flip, part.flip(-1), part) for name, part in parts.items()}
