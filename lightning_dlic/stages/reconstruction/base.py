"""What stages of reconstruction share: the task, the strengths, the figures and the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from dlic_registry import Component, DlicError, load
from lightning_dlic.imaging.color import rgb_to_ycbcr, ycbcr_to_rgb
from lightning_dlic.imaging.resize import resize, resize_uint8
from lightning_dlic.metrics.protocol import score
from lightning_dlic.metrics.terms import counted
from lightning_dlic.stages.base import Batch, Stage
from lightning_dlic.stages.relay import Leg, Relay

Net = Annotated[Mapping[str, Any] | None, Component("net")]


class Inputs(NamedTuple):
    """What the network is given: see `DecoderUNet.forward`."""

    ycbcr: Tensor
    quality: Tensor
    scale: int
    alpha: Tensor


class Reconstruction(Stage):
    """Makes the whole picture, in colour, of a decoded base layer: in the place of enlarging and colouring.

    The base layer is the batch's ``base`` (the transform ``degrade`` with ``color: true``), with its ``quality``; where
    there is none, the picture made small by bicubic, of unknown quality. In training each batch draws one strength, by
    which the term ``content`` counts: at 0 the network learns to be faithful, at 1 to be vivid.
    """

    kind: ClassVar[str] = "reconstruction"
    loss_terms: ClassVar[tuple[str, ...]] = ("pixel", "content")
    scores: ClassVar[tuple[str, ...]] = ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb", "vivid_psnr_rgb")
    monitor: ClassVar[str] = "psnr_rgb"
    baseline_name: ClassVar[str] = "bicubic"
    plain_name: ClassVar[str] = "bicubic"
    gives_color: ClassVar[bool] = True
    default_net: ClassVar[Mapping[str, Any]] = {"name": "decoder_unet"}

    def __init__(self, net: Net = None, alphas: Sequence[float] = (0.0,)) -> None:
        """Builds the network.

        Args:
            net: Network by registered name, with its arguments; `DecoderUNet` by default.
            alphas: Strengths to draw from, each in [0, 1]; one that stands twice is drawn twice as often.

        Raises:
            ValueError: A strength is out of range, or there is none.
        """
        super().__init__()
        if not alphas or not all(0.0 <= alpha <= 1.0 for alpha in alphas):
            raise ValueError(f"alphas must be strengths from 0 to 1, not {list(alphas)}")
        self.alphas = tuple(float(alpha) for alpha in alphas)
        self.net_spec = {**(net or self.default_net)}
        arguments = {key: value for key, value in self.net_spec.items() if key != "name"}
        self.net = load("net", self.net_spec["name"], own_first=True)(**arguments)

    def net_recipe(self) -> dict[str, Any]:
        """Name and arguments from which `net` can be built again."""
        return {"name": self.net_spec["name"], "args": {k: v for k, v in self.net_spec.items() if k != "name"}}

    def describe_net(self) -> dict[str, Any]:
        """The network's origin, with its scales."""
        return {**super().describe_net(), "scales": list(self.net.scales)}  # type: ignore[arg-type]

    def forward(self, inputs: Inputs) -> Tensor:
        """The picture, RGB ``[B, 3, H, W]``."""
        apply = self.net if self.training else self.net.forward
        output: Tensor = apply(*inputs)
        return output

    def task(self, batch: Batch) -> tuple[Inputs, Tensor]:
        """Gives the base layer with its conditions, and RGB ``[B, 3, H, W]`` in [0, 1].

        Raises:
            DlicError: The batch's base layer has no colour.
        """
        image = batch["image"].expand(-1, 3, -1, -1)
        base, quality, scale = self._base(batch, image)
        image = image[..., : base.shape[-2] * scale, : base.shape[-1] * scale]
        alpha = self._strength(self.training)
        layout = torch.channels_last if self.settings.channels_last else torch.contiguous_format
        inputs = Inputs(
            base.contiguous(memory_format=layout), quality.to(base), scale, base.new_full((len(base),), alpha)
        )
        return inputs, (image.to(self.dtype) / 255.0).contiguous(memory_format=layout)

    def _base(self, batch: Batch, image: Tensor) -> tuple[Tensor, Tensor, int]:
        """Base layer, quality and scale."""
        if "base" not in batch:
            scale = int(self.net.scales[0])  # type: ignore[index]
            height, width = (side // scale for side in image.shape[-2:])
            small = resize_uint8(image[..., : height * scale, : width * scale], size=(height, width))
            unknown = torch.full((len(image),), torch.nan, device=image.device)
            return rgb_to_ycbcr(small.to(self.dtype) / 255.0), unknown, scale
        base = batch["base"]
        if "quality" not in batch:
            unknown = torch.full((len(image),), torch.nan, device=image.device)
            rgb = base.expand(-1, 3, -1, -1).to(self.dtype) / 255.0
            return rgb_to_ycbcr(rgb), unknown, image.shape[-1] // base.shape[-1]
        if base.shape[1] != 3:
            raise DlicError("reconstruction needs base layers in colour\nSet data.args.transform.color=true")
        planes = base.to(self.dtype) / 255.0
        centred = torch.cat((planes[:, :1], planes[:, 1:] - 128.0 / 255.0), dim=1)
        return centred, batch["quality"], image.shape[-1] // base.shape[-1]

    def terms(self, inputs: Inputs, produced: Tensor, target: Tensor) -> dict[str, Tensor]:
        """All terms that compare; ``content`` counts by the strength, and is left out at 0."""
        weights = {"content": float(inputs.alpha[0])}
        counted = [name for name in self.comparing if weights.get(name, 1.0)]
        compared = {name: self.compared(name, inputs, produced, target) for name in counted}
        return {name: weights.get(name, 1.0) * self.term(name, *pair) for name, pair in compared.items()}

    def link(self, relay: Relay) -> Leg:
        """Makes the whole picture of what comes.

        Raises:
            DlicError: It comes without colour, or at a scale that the network does not know.
        """
        scales = tuple(self.net.scales)  # type: ignore[arg-type]
        if relay.chroma is None:
            raise DlicError("reconstruction needs base layers in colour\nSet color: true of the transform degrade")
        if relay.scale not in scales:
            raise DlicError(f"reconstruction enlarges by {scales}, but what comes is 1/{relay.scale} of its pictures")
        alpha = self._strength(relay.drawing)
        quality = torch.full_like(relay.luma[:, 0, 0, 0], torch.nan) if relay.quality is None else relay.quality
        ycbcr = torch.cat((relay.luma, relay.chroma), dim=1)
        inputs = Inputs(ycbcr, quality.to(ycbcr), relay.scale, ycbcr.new_full((len(ycbcr),), alpha))
        output: Tensor = self.produce(inputs)
        return Leg(relay.colored(output, relay.scale), inputs, output, lambda: relay.original)

    def _strength(self, drawing: bool) -> float:
        return self.alphas[int(torch.randint(len(self.alphas), ()))] if drawing else min(self.alphas)

    def plain(self, relay: Relay) -> Relay:
        """Bicubic."""
        return relay.full()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Scores one whole picture at the least strength and, where there are others, at the greatest (``vivid``)."""
        super().validation_step(batch, batch_idx)
        most = max(self.alphas)
        if most > min(self.alphas):
            inputs, target = self.task(batch)
            vivid = inputs._replace(alpha=torch.full_like(inputs.alpha, most))
            figures = self.figures(vivid, self(vivid), target)
            for name in ("psnr_rgb", *self.settings.metrics):
                if name in figures:
                    self.log_valid(batch, f"vivid_{name}", counted(name, figures[name]))

    def score(self, inputs: Inputs, output: Tensor, target: Tensor) -> dict[str, float]:
        """PSNR and SSIM on Y and on RGB, with a border of the scale cut off."""
        return score(output, (target * 255.0).round().to(torch.uint8), inputs.scale)

    def baseline(self, inputs: Inputs) -> Tensor:
        """The base layer enlarged by bicubic."""
        return ycbcr_to_rgb(resize(inputs.ycbcr.float(), scale=float(inputs.scale)))

    def panel(self, inputs: Inputs, output: Tensor, target: Tensor) -> Tensor:
        """Bicubic, output and original side by side."""
        row = torch.cat([self.baseline(inputs)[0], output[0].float(), target[0].float()], dim=-1)
        return row.clamp(0.0, 1.0)
