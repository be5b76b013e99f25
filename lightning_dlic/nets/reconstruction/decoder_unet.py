"""A U-Net that makes the picture of a decoded base layer: chroma and luma together, at every scale."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_dlic.imaging.color import ycbcr_to_rgb
from lightning_dlic.nets.layers import BicubicUp, convolutions, icnr_

# Logarithms of quantiser steps lie between 0 and 8; these bring them near [-1, 1].
_QUALITY_MEAN, _QUALITY_SPREAD = 5.0, 2.0
_SLOPE = 0.1


class _Block(nn.Module):
    """Two 3x3 convolutions and a skip; between them each channel is scaled and shifted as the conditions ask."""

    def __init__(self, width: int, conditions: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.modulate = nn.Linear(conditions, 2 * width)

    def forward(self, x: Tensor, conditions: Tensor) -> Tensor:
        scale, shift = self.modulate(conditions)[..., None, None].chunk(2, dim=1)
        inner, gain = self.first(x), 1.0 + scale
        out: Tensor
        if torch.is_inference_mode_enabled():
            # The same sums to the bit, in half the memory.
            inner = F.leaky_relu_(inner.mul_(gain).add_(shift), _SLOPE)
            out = self.second(inner).add_(x)
        else:
            out = x + self.second(F.leaky_relu(inner * gain + shift, _SLOPE))
        return out


class DecoderUNet(nn.Module):
    """Enlarges, repairs and colours a decoded base layer by one network for several scales.

    Most of its weights work at half and quarter resolution of the base layer, where they are cheap and see much. What
    was lost is told by three conditions: the base codec's quantiser, the scale, and how much the picture may be made
    up (``alpha``: 0 faithful, 1 vivid), which scale and shift the channels of each block (Perez et al. 2018).
    """

    def __init__(
        self, scales: Sequence[int] = (2, 3, 4), widths: Sequence[int] = (48, 96, 144), blocks: int = 4
    ) -> None:
        """Builds the network.

        Args:
            scales: Whole factors that it enlarges by.
            widths: Channels of each level, finest first; each level has half the resolution of the one before.
            blocks: Residual blocks of the coarsest level; the others have one down and one up, the finest two up.

        Raises:
            ValueError: No scale is given, or one below 1.
        """
        super().__init__()
        if not scales or min(scales) < 1:
            raise ValueError(f"scales must be whole numbers of at least 1, not {list(scales)}")
        self.scales, conditions = tuple(scales), 64
        self.conditions = nn.Sequential(nn.Linear(3 + len(scales), conditions), nn.LeakyReLU(_SLOPE))
        self.head = nn.Conv2d(3, widths[0], 3, padding=1)
        self.down = nn.ModuleList(_Block(width, conditions) for width in widths[:-1])
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(widths))
        self.middle = nn.ModuleList(_Block(widths[-1], conditions) for _ in range(blocks))
        self.widen = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_Block(width, conditions) for width in widths[:-1])
        self.last = _Block(widths[0], conditions)
        self.tails = nn.ModuleDict(
            {str(scale): nn.Conv2d(widths[0], 3 * scale * scale, 3, padding=1) for scale in scales}
        )
        self.plain = nn.ModuleDict({str(scale): BicubicUp(scale) for scale in scales})
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        # Default initialisation leaves such a net nearly linear on [0, 1] for thousands of steps.
        for module in convolutions(self):
            nn.init.kaiming_normal_(module.weight, a=_SLOPE)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        for block in self.modules():
            if isinstance(block, _Block):
                block.second.weight.mul_(0.1)
                nn.init.zeros_(block.modulate.weight)
                nn.init.zeros_(block.modulate.bias)
        for scale, tail in self.tails.items():
            assert isinstance(tail, nn.Conv2d)
            tail.weight.mul_(0.1)
            icnr_(tail, int(scale))

    @property
    def multiple(self) -> int:
        """What tiles must be aligned to, in pixels of the base layer."""
        return int(2 ** len(self.shrink))

    @property
    def halo(self) -> int:
        """Pixels of the base layer around its place that an output pixel depends on."""
        depth = len(self.shrink)
        # First and last convolution, the finest block down and two up; then each level, by what its pixels span.
        fine, levels = 2 + 2 * 3, sum((1 << level) * (1 + 2 * 2 * (level > 0)) for level in range(depth))
        coarse = (2 * len(self.middle)) << depth
        # Nearest-neighbour enlargement and strides look as much farther from some places.
        return fine + levels + coarse + 2 * (self.multiple - 1)

    def forward(self, ycbcr: Tensor, quality: Tensor, scale: int, alpha: Tensor) -> Tensor:
        """Makes the picture.

        Args:
            ycbcr: The decoded base layer ``[B, 3, h, w]``: Y' in [0, 1]; Cb and Cr, enlarged to the size of Y', in
                [-.5, .5].
            quality: Binary logarithm of the base codec's quantiser step in 8-bit levels, ``[B]``; not-a-number where it
                is not known.
            scale: Factor of enlargement, one of `scales`.
            alpha: How much may be made up, ``[B]`` in [0, 1].

        Returns:
            RGB ``[B, 3, h*scale, w*scale]``, not clipped.

        Raises:
            ValueError: The network has no such scale.
        """
        if scale not in self.scales:
            raise ValueError(f"scale must be one of {', '.join(map(str, self.scales))}, not {scale}")
        conditions = self.conditions(self._conditions(quality, scale, alpha).to(ycbcr.dtype))
        height, width = ycbcr.shape[-2:]
        below, right = -height % self.multiple, -width % self.multiple
        # Centring the input halves what the first layers have to unlearn.
        x = torch.cat((ycbcr[:, :1] - 0.5, ycbcr[:, 1:]), dim=1)
        x = self._features(F.pad(x, (0, right, 0, below), mode="replicate"), conditions)[..., :height, :width]
        x = F.pixel_shuffle(self.tails[str(scale)](x), scale)
        plain: Tensor = self.plain[str(scale)](ycbcr)
        return ycbcr_to_rgb(plain.add_(x) if torch.is_inference_mode_enabled() else plain + x)

    def _conditions(self, quality: Tensor, scale: int, alpha: Tensor) -> Tensor:
        known = ~quality.isnan()
        fineness = torch.where(known, (quality - _QUALITY_MEAN) / _QUALITY_SPREAD, 0.0)
        which = [torch.full_like(alpha, float(scale == each)) for each in self.scales]
        return torch.stack((fineness, known.to(alpha), alpha, *which), dim=1)

    def _features(self, x: Tensor, conditions: Tensor) -> Tensor:
        x = self.head(x)
        kept: list[Tensor] = []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            x = block(x, conditions)
            kept.append(x)
            x = F.leaky_relu(shrink(x), _SLOPE)
        for block in self.middle:
            x = block(x, conditions)
        for block, widen in zip(reversed(self.up), reversed(self.widen), strict=True):
            x = kept.pop() + F.interpolate(widen(x), scale_factor=2.0, mode="nearest")
            x = block(x, conditions)
        features: Tensor = self.last(x, conditions)
        return features
