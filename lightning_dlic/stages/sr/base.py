"""What all super-resolution stages share: the task, the figures and the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from dlic_registry import Component, DlicError, load
from lightning_dlic.imaging.color import luma, luma_uint8
from lightning_dlic.imaging.resize import resize
from lightning_dlic.metrics.protocol import score
from lightning_dlic.nets.layers import MAX_SCALE
from lightning_dlic.stages.base import Batch, Stage
from lightning_dlic.stages.relay import Leg, Relay

Net = Annotated[Mapping[str, Any] | None, Component("net", provides=("scale", "channels"))]
Downsize = Annotated[Mapping[str, Any] | None, Component("downsize", provides=("scale",))]


class SuperResolution(Stage):
    """Enlarges pictures by a whole factor with any registered network.

    The low-resolution input is made of the batch by the downsizing operator, MATLAB's bicubic unless named otherwise;
    where the batch carries ``base`` (a decoded small picture), that is the input instead.
    """

    kind: ClassVar[str] = "sr"
    scores: ClassVar[tuple[str, ...]] = ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb")
    baseline_name: ClassVar[str] = "bicubic"
    plain_name: ClassVar[str] = "bicubic"
    default_net: ClassVar[Mapping[str, Any]] = {"name": "compact"}

    def __init__(self, scale: int = 4, channels: int = 3, net: Net = None, downsize: Downsize = None) -> None:
        """Builds the network.

        Args:
            scale: Whole factor of enlargement.
            channels: 3 for RGB, 1 for full-range luma.
            net: Network by registered name, with its arguments; the stage's own by default.
            downsize: Operator that makes the input, by registered name.

        Raises:
            ValueError: ``channels`` is neither 1 nor 3, or ``scale`` is not from 1 to 16.
        """
        super().__init__()
        if channels not in (1, 3):
            raise ValueError(f"channels must be 1 (luma) or 3 (RGB), not {channels}")
        if not 1 <= scale <= MAX_SCALE:
            raise ValueError(f"scale must be from 1 to {MAX_SCALE}, not {scale}")
        self.scale, self.channels = scale, channels
        self.net_spec = {**(net or self.default_net)}
        self.net = self._build("net", self.net_spec, scale=scale, channels=channels)
        self.downsize_spec = {**(downsize or {"name": "bicubic"})}
        self.downsize = self._build("downsize", self.downsize_spec, scale=scale)

    def net_recipe(self) -> dict[str, Any]:
        """Name and arguments from which `net` can be built again."""
        arguments = {key: value for key, value in self.net_spec.items() if key != "name"}
        # What is named by a file of published weights must be built without it.
        arguments = getattr(self.net, "built_with", arguments)
        return {
            "name": self.net_spec["name"],
            "args": {"scale": self.scale, "channels": self.channels, **arguments},
        }

    def init_state(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        """Weights to start from under the network's names; some know those under which others publish theirs."""
        published = getattr(self.net, "published_state", None)
        return given if published is None else published(given)

    def describe_net(self) -> dict[str, Any]:
        """The network's origin, with scale and channels, and what made its inputs where that was not bicubic."""
        origin = {**super().describe_net(), "scale": self.scale, "channels": self.channels}
        return origin if self.downsize_spec["name"] == "bicubic" else {**origin, "downsize": self.downsize_spec}

    @staticmethod
    def _build(kind: str, spec: Mapping[str, Any], **provided: Any) -> Any:
        arguments = {key: value for key, value in spec.items() if key != "name"}
        return load(kind, spec["name"], own_first=True)(**provided, **arguments)

    def task(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Gives the small picture ``[B, C, h, w]`` and the original ``[B, C, h*s, w*s]``, floats in [0, 1].

        Raises:
            DlicError: The batch carries a ``base`` of another scale.
        """
        image = self._planes(batch["image"])
        height, width = (side - side % self.scale for side in image.shape[-2:])
        image = image[..., :height, :width]
        if "base" in batch:
            base = batch["base"]
            if (base.shape[-2] * self.scale, base.shape[-1] * self.scale) != (height, width):
                raise DlicError(
                    f"a base of {base.shape[-2]}x{base.shape[-1]} for pictures of {height}x{width}, and scale "
                    f"{self.scale}\nSet data.args.transform.scale={self.scale}, or take pairs of that scale"
                )
            small = self._planes(base).to(self.dtype) / 255.0
        else:
            small = self._shrink(image).to(self.dtype)
        layout = torch.channels_last if self.settings.channels_last else torch.contiguous_format
        return small.contiguous(memory_format=layout), (image.to(self.dtype) / 255.0).contiguous(memory_format=layout)

    def _shrink(self, image: Tensor) -> Tensor:
        """The small picture of a uint8 one, on the 8-bit grid of [0, 1]."""
        small: Tensor = self.downsize(image)
        return small

    def _planes(self, image: Tensor) -> Tensor:
        """The channels this stage works on, of colour or grey pictures alike."""
        return luma_uint8(image) if self.channels == 1 else image.expand(-1, 3, -1, -1)

    @property
    def least_side(self) -> int:
        """A pixel inside the border, which is as wide as the scale."""
        return 3 * self.scale

    def link(self, relay: Relay) -> Leg:
        """Enlarges: luma, or all of the picture. Chroma that a network of luma does not see follows by bicubic.

        Raises:
            DlicError: What comes is to be enlarged by another factor.
        """
        if relay.scale != self.scale:
            raise DlicError(
                f"sr enlarges by {self.scale}, but what comes to it is 1/{relay.scale} of its pictures\n"
                f"Set the scale of the transform degrade in data.args.transform to {self.scale}"
            )
        inputs = relay.luma if self.channels == 1 else relay.rgb()
        output: Tensor = self.produce(inputs)
        if self.channels == 1:
            after = relay.enlarged(output, self.scale)
        elif relay.chroma is None:
            after = relay.enlarged(luma(output), self.scale)
        else:
            after = relay.colored(output, self.scale)
        return Leg(after, inputs, output, lambda: luma(relay.original) if self.channels == 1 else relay.original)

    def plain(self, relay: Relay) -> Relay:
        """Bicubic."""
        return relay.full()

    def score(self, inputs: Tensor, output: Tensor, target: Tensor) -> dict[str, float]:
        """PSNR and SSIM on Y, and on RGB where there is colour, with a border of the scale cut off."""
        return score(output, (target * 255.0).round().to(torch.uint8), self.scale)

    def baseline(self, inputs: Tensor) -> Tensor:
        """The bicubic enlargement."""
        return resize(inputs.float(), scale=float(self.scale))

    def panel(self, inputs: Tensor, output: Tensor, target: Tensor) -> Tensor:
        """Bicubic, output and original side by side."""
        row = torch.cat([self.baseline(inputs)[0], output[0].float(), target[0].float()], dim=-1)
        return row.clamp(0.0, 1.0).expand(3, -1, -1)
