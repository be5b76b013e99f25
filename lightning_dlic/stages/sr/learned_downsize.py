"""Stage `learned_downsize`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from dlic_registry import DlicError
from lightning_dlic.nets.rescaler import RescalerNet
from lightning_dlic.stages.base import Batch
from lightning_dlic.stages.relay import Leg, Relay
from lightning_dlic.stages.settings import Spec
from lightning_dlic.stages.sr.base import Net, SuperResolution


class LearnedDownsize(SuperResolution):
    """A downsizing network trained jointly with the super-resolution network behind it, rounding to 8 bits included.

    Terms: ``pixel`` (enlarged against original) and ``guide`` (small picture against the bicubic one, which keeps it a
    picture that people recognise and codecs code well). ``init`` takes weights of the pair or of the latter network.
    """

    loss_terms: ClassVar[tuple[str, ...]] = ("pixel", "guide")
    scores: ClassVar[tuple[str, ...]] = (*SuperResolution.scores, "small_rms")
    baseline_name: ClassVar[str] = "bicubic enlargement of the learned small picture"
    default_optim: ClassVar[Mapping[str, Spec]] = {"net": {"name": "adam", "lr": 5e-4}}
    default_losses: ClassVar[Mapping[str, Spec | None]] = {
        "pixel": {"name": "l1", "weight": 1.0},
        "guide": {"name": "mse", "weight": 2.0},
    }

    net: RescalerNet

    def __init__(
        self,
        scale: int = 4,
        channels: int = 3,
        net: Net = None,
        width: int = 32,
        blocks: int = 2,
        noise: float = 0.0,
    ) -> None:
        """Builds both networks.

        Args:
            scale: Whole factor.
            channels: 3 (RGB) or 1 (luma).
            net: Super-resolution network by registered name, with its arguments; `compact` by default.
            width: Channels inside the downsizing network.
            blocks: Its residual convolutions.
            noise: Standard deviation, in 8-bit steps, of noise added to the small pictures in training: in place of
                what a lossy base codec will do to them.

        Raises:
            ValueError: ``noise`` is negative.
        """
        if noise < 0:
            raise ValueError(f"noise must be at least 0, not {noise}")
        up = dict(net or self.default_net)
        super().__init__(scale, channels, {"name": "rescaler", "up": up, "width": width, "blocks": blocks})
        self.noise = noise

    def init_targets(self) -> tuple[nn.Module, ...]:
        """The pair, else the super-resolution network alone."""
        return self.net, self.net.up

    def pipeline_keys(self, weights: str) -> dict[str, dict[str, Any]]:
        """The codec makes its base layers by the network's own downsizing."""
        return {"downsize": {"name": "learned", "args": {"weights": weights}}}

    def task(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Gives the small picture that the network makes, with its graph, and the original.

        Raises:
            DlicError: The batch carries small pictures of another making.
        """
        if "base" in batch:
            raise DlicError("learned_downsize makes its own small pictures\nRemove data.args.transform")
        return super().task(batch)

    def _shrink(self, image: Tensor) -> Tensor:
        small: Tensor = self.net.down(image)
        return small

    def forward(self, inputs: Tensor) -> Tensor:
        """Enlarges small pictures; in training with noise on them."""
        if self.training and self.noise:
            inputs = inputs + torch.randn_like(inputs) * (self.noise / 255.0)
        return super().forward(inputs)

    def compared(self, term: str, inputs: Any, produced: Any, target: Tensor) -> tuple[Tensor, Tensor]:
        """The small picture with the bicubic one for ``guide``; one step moves both networks."""
        return (inputs, self._bicubic(target)) if term == "guide" else (produced, target)

    def link(self, relay: Relay) -> Leg:
        """Has no part in chains.

        Raises:
            DlicError: Always.
        """
        raise DlicError("learned_downsize makes its own small pictures: it has no part behind a base codec")

    def score(self, inputs: Tensor, output: Tensor, target: Tensor) -> dict[str, float]:
        """The figures of super-resolution, and ``small_rms``: its distance from bicubic in 8-bit steps."""
        distance = (inputs.float() - self._bicubic(target)).square().mean().sqrt()
        return {**super().score(inputs, output, target), "small_rms": 255.0 * distance.item()}

    def panel(self, inputs: Tensor, output: Tensor, target: Tensor) -> Tensor:
        """As for super-resolution, with the small picture itself, each pixel a square, in front."""
        large: Any = inputs[0].float().repeat_interleave(self.scale, -1).repeat_interleave(self.scale, -2)
        return torch.cat([large.clamp(0.0, 1.0).expand(3, -1, -1), super().panel(inputs, output, target)], dim=-1)

    def _bicubic(self, target: Tensor) -> Tensor:
        return self.net.down.bicubic(target.mul(255.0).round().to(torch.uint8))
