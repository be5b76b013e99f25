"""What a colour network sees when it decodes: luma as a base codec left it, and hints as the codec sends them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlic_datamodules.draws import bounded, words
from dlic_datamodules.transform import BatchTransform
from dlic_registry import DlicError, load
from lightning_dlic.codec.hints import coder as coding
from lightning_dlic.codec.hints.aim import Aim
from lightning_dlic.codec.hints.base import MAX_COUNT, Head, Hints, Targets, prepared
from lightning_dlic.codec.hints.encoder import worth
from lightning_dlic.codec.hints.paint import paint
from lightning_dlic.codec.hints.regions import Regions, shrunk
from lightning_dlic.codec.hints.spread import Spread
from lightning_dlic.imaging.color import luma_uint8, rgb_to_ycbcr, ycbcr_to_rgb
from lightning_dlic.imaging.hint_planes import PLANES
from lightning_dlic.imaging.resize import resize_uint8
from lightning_dlic.transforms.degrade import Degrade

__all__ = ["Hinted"]

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
# Sets these draws apart from those of crops and of `Degrade`.
_SALT = np.uint64(0x68696E746564)
# Prices of a bit in squared steps: from none, where every region sends what it wants, upwards.
_PRICES = (0.0, 0.05, 0.1, 0.15, 0.25)


class Hinted(BatchTransform):
    """Adds ``luma`` and ``hints`` to a batch: what the decoder would know of each picture.

    The regions are the codec's own, cut from that luma; number, step and the price at which the encoder let bits go are
    drawn a picture. It runs in the loader's workers and draws from the samples' keys alone. A base layer that a
    transform before it has made stays what it is; else it has one made.

    Args:
        hints: Registered kinds of hints to draw from.
        side: Least and greatest usual side of a region in pixels, drawn evenly on a logarithmic scale.
        step: Finest and coarsest step of the colours, in levels, drawn alike.
        none: Share of pictures without any hint.
        some: Share of pictures of which some regions' hints are withheld.
        decoded: Share of pictures whose luma has been coded and decoded.
        halved: Share of pictures whose regions are cut from luma of half the size, as those of large pictures are.
        recolored: Share of pictures whose colours are turned by one random angle around grey, where they have hints:
            how colours follow luma within regions does not depend on which they are.
        degrade: Arguments of the transform ``degrade``, which codes them where the batch has no base layer yet.

    Raises:
        DlicError: An unknown kind of hints, or a value out of range.
    """

    def __init__(
        self,
        hints: list[str] | None = None,
        *,
        side: Sequence[int] = (4, 64),
        step: Sequence[int] = (3, 18),
        none: float = 0.15,
        some: float = 0.1,
        decoded: float = 0.5,
        halved: float = 0.0,
        recolored: float = 0.0,
        degrade: Mapping[str, Any] | None = None,
    ) -> None:
        self.kinds = ["grid", "segmentation", "segmentation"] if hints is None else list(hints)
        if not self.kinds:
            raise DlicError("hinted: hints names no kind of hints")
        for name, pair, most in (("side", side, 4096), ("step", step, 64)):
            if len(pair) != 2 or not 1 <= pair[0] <= pair[1] <= most:
                raise DlicError(f"hinted: {name} must be two numbers in order, 1 to {most}, not {list(pair)!r}")
        shares = {"none": none, "some": some, "decoded": decoded, "halved": halved, "recolored": recolored}
        for name, share in shares.items():
            if not 0.0 <= share <= 1.0:
                raise DlicError(f"hinted: {name} must be a share from 0 to 1, not {share!r}")
        self.side, self.step = (int(side[0]), int(side[1])), (int(step[0]), int(step[1]))
        self.none, self.some, self.decoded, self.halved, self.recolored = none, some, decoded, halved, recolored
        self.degrade = Degrade(**(degrade or {"codec": "webp", "scale": [1, 2]}))
        self._built: dict[str, Hints] = {name: load("hints", name, own_first=True)() for name in self.kinds}

    def __call__(self, batch: dict[str, Tensor], keys: NDArray[np.uint64]) -> dict[str, Tensor]:
        """Adds what the decoder knows.

        Args:
            batch: ``image`` uint8 ``[B, 3 or 1, H, W]``, perhaps ``base`` as `Degrade` gives it.
            keys: What to draw from, uint64 ``[B]``.

        Returns:
            The batch with ``luma`` uint8 ``[B, 1, H, W]``, ``hints`` float ``[B, 6, H, W]`` and what `Degrade` adds;
            ``image`` cropped to whole multiples of the scale that luma was coded at.

        Raises:
            DlicError: Colours are to be turned beside a base layer that has them already.
        """
        draws = words(keys ^ _SALT, 10).T
        made = {**batch, "image": self._recolor(batch, draws)}
        if "base" not in made:
            made = self.degrade(made, keys)
        image, size = made["image"], (made["image"].shape[-2], made["image"].shape[-1])
        luma, decoded = luma_uint8(image), made["base"][:, :1]
        if decoded.shape[-2:] != luma.shape[-2:]:
            decoded = resize_uint8(decoded, size=size)
        take = torch.from_numpy(draws[:, 0] % np.uint64(1 << 20) < np.uint64(round(self.decoded * (1 << 20))))
        luma = torch.where(take.view(-1, 1, 1, 1), decoded, luma)
        chroma = rgb_to_ycbcr(image.expand(-1, 3, -1, -1).float() / 255.0)[:, 1:].mul(255.0).numpy()
        planes = [self._draw(luma[i, 0].numpy(), chroma[i], draws[i, 1:].tolist()) for i in range(len(keys))]
        return {**made, "luma": luma, "hints": torch.from_numpy(np.stack(planes))}

    def _recolor(self, batch: dict[str, Tensor], draws: NDArray[np.uint64]) -> Tensor:
        image = batch["image"]
        if self.recolored and "base" in batch and batch["base"].shape[1] > 1:
            raise DlicError("hinted: recolored turns colours that the base layer has already\nSet recolored to 0")
        share, unit, angle = (
            (draws[:, which] % np.uint64(1 << 20)).astype(np.float64) / (1 << 20) for which in (1, 7, 8)
        )
        chosen = torch.from_numpy((share >= self.none) & (unit < self.recolored))
        if not chosen.any():
            return image
        ycc = rgb_to_ycbcr(image[chosen].expand(-1, 3, -1, -1).float() / 255.0)
        ycc[:, 1:] = turned(ycc[:, 1:], torch.from_numpy(angle).float()[chosen] * (2 * math.pi))
        out = image.expand(-1, 3, -1, -1).clone()
        out[chosen] = (ycbcr_to_rgb(ycc) * 255.0).round().clamp(0.0, 255.0).to(torch.uint8)
        return out

    def _draw(self, luma: U8, chroma: F32, draw: list[int]) -> F32:
        """Hints of one picture ``[6, h, w]``."""
        share, unit, grain, halved = (draw[index] % (1 << 20) / (1 << 20) for index in (0, 1, 2, 8))
        if share < self.none:
            return np.zeros((PLANES, *luma.shape), np.float32)
        scale = 2 if halved < self.halved else 1
        aim = Aim.of(shrunk(luma, scale), chroma, scale)
        count = max(1, round(luma.size / _between(self.side, unit) ** 2))
        step = round(_between(self.step, grain))
        price = _PRICES[bounded(draw[3], len(_PRICES))]
        kind = self._built[self.kinds[bounded(draw[4], len(self.kinds))]]
        regions, models = prepared(aim.luma, kind.labels(aim.luma, min(count, MAX_COUNT)), net=True)
        wanted, sizes = _wanted(aim, regions)
        targets = replace(
            Targets.unknown(regions.count), colors=wanted, worth=worth(sizes, regions), price=price * step * step
        )
        made = targets.code(coding.counter(models), regions, Head(step, count))
        if share < self.none + self.some:
            few = np.random.default_rng(draw[5])
            withheld = few.random(regions.count) >= few.random()
            made = replace(made, branches=np.where(withheld, 0, -1))
        return paint(made, luma.shape)


def _between(ends: tuple[int, int], unit: float) -> float:
    """Evenly on a logarithmic scale."""
    return float(ends[0] * (ends[1] / ends[0]) ** unit)


def _wanted(aim: Aim, regions: Regions) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """What the encoder wants of each region, and the regions' sizes."""
    sizes = np.bincount(regions.labels.ravel(), minlength=regions.count)
    spread, wanted = Spread(aim.luma, regions.count), []
    for plane in aim.chroma:
        mean = np.bincount(regions.labels.ravel(), plane.ravel(), regions.count) / sizes
        smooth = spread(mean.astype(np.float32)[regions.labels])
        # What the filter takes away is put on beforehand.
        wanted.append(2 * mean - np.bincount(regions.labels.ravel(), smooth.ravel(), regions.count) / sizes)
    return np.stack(wanted, axis=1), sizes


def turned(chroma: Tensor, angle: Tensor) -> Tensor:
    """Chroma ``[B, 2, H, W]`` turned around grey by angles ``[B]``."""
    c, s = angle.cos(), angle.sin()
    return torch.einsum("bij,bjhw->bihw", torch.stack((torch.stack((c, -s), -1), torch.stack((s, c), -1)), 1), chroma)
