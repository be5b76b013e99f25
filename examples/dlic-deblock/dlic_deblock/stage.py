"""The stages: what recipes name, and what all of their kind share."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from dlic_registry import Component, DlicError, load
from lightning_dlic.imaging.color import luma_uint8
from lightning_dlic.imaging.resize import resize_uint8
from lightning_dlic.metrics.protocol import score
from lightning_dlic.stages.base import Batch, Stage
from lightning_dlic.stages.relay import Leg, Relay
from lightning_dlic.stages.settings import Spec

Net = Annotated[Mapping[str, Any] | None, Component("net", provides=("channels",))]


# Share of training pictures whose quality is kept from the network: not every codec tells it.
_UNTOLD = 0.1


class Inputs(NamedTuple):
    """What the network is given: see `DeblockNet.forward`."""

    picture: Tensor
    quality: Tensor


class Restoration(Stage):
    """Makes a decoded base layer more like the one that was coded.

    The base layer is the batch's ``base`` with its ``quality``, as the transform ``degrade`` makes them; the target is
    the picture made small without being coded.
    """

    kind: ClassVar[str] = "restoration"
    baseline_name: ClassVar[str] = "as decoded"
    default_net: ClassVar[Mapping[str, Any]] = {"name": "dlic-deblock:deblock"}

    def __init__(self, net: Net = None) -> None:
        """Builds the network.

        Args:
            net: Network by registered name, with its arguments; the kind's own by default.
        """
        super().__init__()
        self.net_spec = {**(net or self.default_net)}
        self.net = load("net", self.net_spec["name"])(channels=1, **self._arguments())

    def _arguments(self) -> dict[str, Any]:
        return {key: value for key, value in self.net_spec.items() if key != "name"}

    def net_recipe(self) -> dict[str, Any]:
        """Name and arguments from which `net` can be built again."""
        return {"name": self.net_spec["name"], "args": {"channels": 1, **self._arguments()}}

    def describe_net(self) -> dict[str, Any]:
        """The network's origin, with its channels."""
        return {**super().describe_net(), "channels": 1}

    def forward(self, inputs: Inputs) -> Tensor:
        """The repaired luma ``[B, 1, h, w]``, not clipped."""
        apply = self.net if self.training else self.net.forward
        output: Tensor = apply(*inputs)
        return output

    def task(self, batch: Batch) -> tuple[Inputs, Tensor]:
        """Gives the decoded luma with its quality, and the luma that was coded, ``[B, 1, h, w]`` in [0, 1].

        Raises:
            DlicError: The batch carries no base layer.
        """
        if "base" not in batch:
            raise DlicError("restoration needs decoded pictures\nSet data.args.transform={name: degrade, codec: hevc}")
        base, small = batch["base"][:, :1], luma_uint8(batch["image"])
        if small.shape != base.shape:
            small = resize_uint8(small, size=(base.shape[-2], base.shape[-1]))
        layout = torch.channels_last if self.settings.channels_last else torch.contiguous_format
        given, wanted = (plane.to(self.dtype).div(255.0).contiguous(memory_format=layout) for plane in (base, small))
        return self._inputs(given, batch.get("quality"), self.training), wanted

    @staticmethod
    def _inputs(picture: Tensor, quality: Tensor | None, drawing: bool) -> Inputs:
        """A picture and what is told of it; in training not always."""
        told = picture.new_full(picture.shape[:1], torch.nan) if quality is None else quality.to(picture)
        return Inputs(picture, torch.where(torch.rand_like(told) < _UNTOLD, torch.nan, told) if drawing else told)

    def link(self, relay: Relay) -> Leg:
        """In a chain: repairs luma as it comes, whatever its scale; chroma stays."""
        inputs = self._inputs(relay.luma, relay.quality, relay.drawing)
        output: Tensor = self.produce(inputs)
        return Leg(replace(relay, luma=output), inputs, output, lambda: relay.reference()[:, :1])

    def score(self, inputs: Inputs, output: Tensor, target: Tensor) -> dict[str, float]:
        """PSNR and SSIM of luma."""
        return score(output, (target * 255.0).round().to(torch.uint8), 0)

    def baseline(self, inputs: Inputs) -> Tensor:
        """The base layer as decoded."""
        return inputs.picture.float()

    def panel(self, inputs: Inputs, output: Tensor, target: Tensor) -> Tensor:
        """Decoded, restored and original side by side."""
        return (
            torch.cat([inputs.picture[0], output[0].float(), target[0].float()], dim=-1)
            .clamp(0.0, 1.0)
            .expand(3, -1, -1)
        )


class Deblock(Restoration):
    """Takes blocks and ringing out of decoded luma with a small residual network."""

    default_optim: ClassVar[Mapping[str, Spec]] = {"net": {"name": "adam", "lr": 1e-3}}

    def __init__(self, width: int = 32, blocks: int = 4) -> None:
        """Builds the stage.

        Args:
            width: Channels inside the network.
            blocks: Its residual blocks.
        """
        super().__init__({**self.default_net, "width": width, "blocks": blocks})
