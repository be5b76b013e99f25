"""What all colorization stages share: the task, the hints, the figures and the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from dlic_registry import Component, load
from lightning_dlic.imaging.chroma import merge, split, to_cbcr
from lightning_dlic.imaging.color import luma_uint8, ycbcr_to_rgb
from lightning_dlic.imaging.resize import resize
from lightning_dlic.metrics.protocol import score
from lightning_dlic.nets.colorization.base import ColorNet, no_hints
from lightning_dlic.nets.colorization.floors import GuidedFloor
from lightning_dlic.stages.base import Batch, Stage
from lightning_dlic.stages.colorization.regions import Shape, make_hints, random_shape, region_labels
from lightning_dlic.stages.relay import Leg, Relay

Net = Annotated[Mapping[str, Any] | None, Component("net")]
Inputs = tuple[Tensor, Tensor | None]

# Hints of validation: so many superpixels a picture, colours in steps of so many 255ths.
_VALID_REGIONS, _VALID_STEP = 150, 8
# A picture without colour is predicted exactly by grey: its infinite PSNR would be the mean's.
_MOST = 60.0
# A batch's pictures share this many shapes of regions.
_GROUPS = 4


class Colorization(Stage):
    """Predicts chroma from luma, and from hints where its network takes them.

    In training, luma and hints are the batch's where it carries ``luma`` and ``hints`` (the transform ``hinted``); else
    half of the pictures show luma as decoded, where the batch carries ``base`` (``degrade``), and hints are made on the
    device. Crops are mirrored or not. Rotations are no help here, the sky is above: set ``augment: false`` on the data.
    """

    kind: ClassVar[str] = "colorization"
    scores: ClassVar[tuple[str, ...]] = ("psnr_rgb", "ssim_rgb", "zero_psnr_rgb")
    monitor: ClassVar[str] = "psnr_rgb"
    baseline_name: ClassVar[str] = "grey"
    plain_name: ClassVar[str] = "guided filter"
    gives_color: ClassVar[bool] = True
    default_net: ClassVar[Mapping[str, Any]] = {"name": "multihypothesis_compact"}

    net: ColorNet

    def __init__(self, net: Net = None, smallest: int = 8, largest: int = 96) -> None:
        """Builds the network.

        Args:
            net: Network by registered name, with its arguments; the stage's own by default.
            smallest: Least side of the regions of training hints, in pixels.
            largest: Greatest side.

        Raises:
            ValueError: The sizes are not in order, or the network is not one for colour.
        """
        super().__init__()
        if not 1 <= smallest <= largest:
            raise ValueError(f"smallest and largest must be sizes in order, not {smallest} and {largest}")
        self.smallest, self.largest = smallest, largest
        self.net_spec = {**(net or self.default_net)}
        arguments = {key: value for key, value in self.net_spec.items() if key != "name"}
        built = load("net", self.net_spec["name"], own_first=True)(**arguments)
        if not isinstance(built, ColorNet):
            raise ValueError(f"net {self.net_spec['name']!r} is not one for colour")
        self.net = built

    def net_recipe(self) -> dict[str, Any]:
        """Name and arguments from which `net` can be built again."""
        arguments = {key: value for key, value in self.net_spec.items() if key != "name"}
        return {"name": self.net_spec["name"], "args": arguments}

    def forward(self, inputs: Inputs) -> Tensor:
        """The expected chroma ``[B, 2, H, W]`` in the network's space."""
        apply = self.net if self.training else self.net.forward
        output: Tensor = apply(*inputs)
        return output

    def task(self, batch: Batch) -> tuple[Inputs, Tensor]:
        """Gives luma ``[B, 1, H, W]`` with hints ``[B, 6, H, W]`` (None for networks without), and RGB, all floats."""
        image = batch["image"].expand(-1, 3, -1, -1)
        rgb = image.to(self.dtype) / 255.0
        luma, chroma = split(rgb, "cbcr")
        if not self.training:
            return (luma, self._valid_hints(luma, chroma) if self.net.takes_hints else None), rgb
        luma = batch["luma"].to(self.dtype) / 255.0 if "luma" in batch else self._as_decoded(luma, batch.get("base"))
        hints = None
        if self.net.takes_hints:
            hints = batch["hints"].to(self.dtype) if "hints" in batch else self._train_hints(luma, chroma)
        mirrored = torch.rand(rgb.shape[0], 1, 1, 1, device=rgb.device) < 0.5
        rgb, luma = (torch.where(mirrored, x.flip(-1), x) for x in (rgb, luma))
        return (luma, hints if hints is None else torch.where(mirrored, hints.flip(-1), hints)), rgb

    def compared(self, term: str, inputs: Inputs, produced: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures in RGB: the expected chroma under the target's own luma, not clipped, beside the target."""
        luma, chroma = split(target, "cbcr")[0], self.expected(inputs, produced)
        return ycbcr_to_rgb(torch.cat((luma, to_cbcr(luma, chroma, self.net.space)), dim=-3)), target

    def expected(self, inputs: Inputs, produced: Tensor) -> Tensor:
        """The one map of chroma ``[B, 2, H, W]`` in the network's space among what `produce` made."""
        return produced

    def link(self, relay: Relay) -> Leg:
        """Colours luma as it comes, by hints that are the batch's or are cut from the base layer."""
        full = relay.full()
        inputs = full.luma.clamp(0.0, 1.0), self._hints(full) if self.net.takes_hints else None
        output: Tensor = self.produce(inputs)
        chroma = to_cbcr(inputs[0], self.expected(inputs, output), self.net.space)
        return Leg(replace(full, chroma=chroma), inputs, output, lambda: relay.original)

    def plain(self, relay: Relay) -> Relay:
        """The hints, spread by a guided filter; the base layer's colour where the network takes none."""
        full = relay.full()
        if not self.net.takes_hints:
            return full
        return replace(full, chroma=GuidedFloor()(full.luma, self._hints(full)))

    def _hints(self, relay: Relay) -> Tensor:
        """The batch's, in training and validation alike; else some are made."""
        if relay.hints is not None:
            return relay.hints
        made = self._train_hints if relay.drawing else self._valid_hints
        return made(relay.guide(), split(relay.original, "cbcr")[1])

    def pipeline_keys(self, weights: str) -> dict[str, dict[str, Any]]:
        """Colours by hints, where that does better than the base codec's own."""
        return {"hints": {"name": "auto"}}

    def _as_decoded(self, luma: Tensor, base: Tensor | None) -> Tensor:
        """Luma of half of the pictures as the decoder has it."""
        if base is None:
            return luma
        decoded = resize(luma_uint8(base).to(self.dtype) / 255.0, size=(luma.shape[-2], luma.shape[-1])).clamp(0.0, 1.0)
        return torch.where(torch.rand(luma.shape[0], 1, 1, 1, device=luma.device) < 0.5, decoded, luma)

    def _train_hints(self, luma: Tensor, chroma: Tensor) -> Tensor:
        parts = []
        for part in torch.arange(luma.shape[0]).tensor_split(min(_GROUPS, luma.shape[0])):
            grey, color = luma[part[0] : part[-1] + 1], chroma[part[0] : part[-1] + 1]
            labels, count = region_labels(grey, random_shape(self.smallest, self.largest))
            step = float(torch.randint(4, 13, ())) / 255.0
            parts.append(make_hints(color, labels, count, self._known(len(part), count), step))
        return torch.cat(parts)

    def _known(self, batch: int, count: int) -> Tensor:
        """Which regions send a colour: none, some, or (mostly) all of a picture's."""
        draw = torch.rand(batch, 1, 1, device=self.device)
        some = torch.rand(batch, 1, count, device=self.device) < torch.rand(batch, 1, 1, device=self.device)
        known = torch.where(draw < 0.15, torch.zeros_like(some), torch.where(draw < 0.35, some, torch.ones_like(some)))
        return known.to(self.dtype)

    @staticmethod
    def _valid_hints(luma: Tensor, chroma: Tensor) -> Tensor:
        size = max(4, round((luma.shape[-2] * luma.shape[-1] / _VALID_REGIONS) ** 0.5))
        labels, count = region_labels(luma, Shape(size, tone=6.0, rounds=4))
        return make_hints(chroma, labels, count, chroma.new_ones(luma.shape[0], 1, count), _VALID_STEP / 255.0)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Scores one whole picture, with hints and (``zero/``) without."""
        super().validation_step(batch, batch_idx)
        (luma, hints), target = self.task(batch)
        if hints is not None:
            figures = self.score((luma, None), self((luma, None)), target)
            self.log_valid(batch, "zero_psnr_rgb", figures["psnr_rgb"])

    def score(self, inputs: Inputs, output: Tensor, target: Tensor) -> dict[str, float]:
        """PSNR (at most `_MOST` dB) and SSIM of RGB under the picture's own luma."""
        figures = score(self.picture(output, target), (target * 255.0).round().to(torch.uint8), 0)
        return {name: min(value, _MOST) for name, value in figures.items() if name.endswith("rgb")}

    def picture(self, chroma: Tensor, target: Tensor) -> Tensor:
        """RGB of a predicted chroma under the target's luma."""
        return merge(split(target.float(), "cbcr")[0], chroma.float(), self.net.space)

    def pictures(self, inputs: Inputs, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The picture of the predicted chroma, and the target."""
        return self.picture(output, target), target

    def baseline(self, inputs: Inputs) -> Tensor:
        """No colour at all."""
        luma, _ = inputs
        return no_hints(luma)[:, :2]

    def panel(self, inputs: Inputs, output: Tensor, target: Tensor) -> Tensor:
        """Grey, without hints, with hints, and the original side by side."""
        luma, hints = inputs
        maps = [self.baseline(inputs), *([self((luma, None))] if hints is not None else []), output]
        return torch.cat([*(self.picture(chroma, target)[0] for chroma in maps), target[0].float()], dim=-1)


def opponent(cbcr: Tensor) -> Tensor:
    """Chroma as differences of R, G and B from grey, in which an error is an error of RGB.

    Args:
        cbcr: ``[..., 2, H, W]``, centred.

    Returns:
        ``[..., 3, H, W]``.
    """
    return ycbcr_to_rgb(torch.cat((torch.zeros_like(cbcr[..., :1, :, :]), cbcr), dim=-3))
