"""A downsizing network and the super-resolution network behind it, as one (Kim et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from torch import Tensor, nn
from torch.nn import functional as F

from dlic_registry import Component, load
from lightning_dlic.imaging.resize import resize_uint8

SuperResolutionNet = Annotated[Mapping[str, Any] | None, Component("net", provides=("scale", "channels"))]


class DownsizeNet(nn.Module):
    """Shrinks 8-bit pictures to 8-bit pictures: MATLAB's bicubic and a learned residual, computed at low resolution.

    Untrained it is the bicubic itself. Rounding lets gradients through unchanged.
    """

    def __init__(self, scale: int = 4, channels: int = 3, width: int = 32, blocks: int = 2) -> None:
        """Builds the network.

        Args:
            scale: Whole factor by which both sides shrink.
            channels: 1 (luma) or 3 (RGB).
            width: Channels inside.
            blocks: Residual convolutions between the first and the last.
        """
        super().__init__()
        self.scale = scale
        self.head = nn.Conv2d(channels * scale * scale, width, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(blocks))
        self.tail = nn.Conv2d(width, channels, 3, padding=1)
        for layer in (self.head, *self.body):
            nn.init.kaiming_normal_(layer.weight, a=0.1)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    @property
    def halo(self) -> int:
        """Low-resolution pixels on each side that a pixel of the small picture depends on."""
        return max(2 + len(self.body), 3)

    def bicubic(self, image: Tensor) -> Tensor:
        """What the network departs from: as `forward`, without the residual."""
        return resize_uint8(image, scale=1.0 / self.scale).float() / 255.0

    def forward(self, image: Tensor) -> Tensor:
        """Shrinks uint8 ``[B, C, H, W]`` to float ``[B, C, ceil(H/s), ceil(W/s)]`` in [0, 1], on the 8-bit grid."""
        height, width = image.shape[-2:]
        planes = image.to(self.head.weight.dtype) / 255.0 - 0.5
        planes = F.pad(planes, (0, -width % self.scale, 0, -height % self.scale), mode="replicate")
        features = F.leaky_relu(self.head(F.pixel_unshuffle(planes, self.scale)), 0.1)
        for layer in self.body:
            features = features + F.leaky_relu(layer(features), 0.1)
        small = (self.bicubic(image) + self.tail(features)).clamp(0.0, 1.0)
        rounded: Tensor = small + (small.mul(255.0).round().div(255.0) - small).detach()
        return rounded


class RescalerNet(nn.Module):
    """A `DownsizeNet` and a super-resolution network that were trained for each other.

    To whatever enlarges pictures it is the latter; ``downsizer`` makes the small pictures it wants.
    """

    def __init__(
        self,
        scale: int = 4,
        channels: int = 3,
        up: SuperResolutionNet = None,
        width: int = 32,
        blocks: int = 2,
    ) -> None:
        """Builds both networks.

        Args:
            scale: Whole factor of both.
            channels: 1 (luma) or 3 (RGB).
            up: Super-resolution network by registered name, with its arguments; `compact` by default.
            width: Channels inside the downsizing network.
            blocks: Its residual convolutions.
        """
        super().__init__()
        self.scale, self.channels = scale, channels
        spec = up or {"name": "compact"}
        arguments = {key: value for key, value in spec.items() if key != "name"}
        self.up: nn.Module = load("net", spec["name"], own_first=True)(scale=scale, channels=channels, **arguments)
        self.down = DownsizeNet(scale, channels, width, blocks)

    @property
    def downsizer(self) -> DownsizeNet:
        """The network that makes its inputs: what has this attribute brings its own downsizing along."""
        return self.down

    @property
    def halo(self) -> int | None:
        """That of the super-resolution network."""
        return getattr(self.up, "halo", None)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarges ``[B, C, h, w]`` in [0, 1] to ``[B, C, h*s, w*s]``, not clipped."""
        out: Tensor = self.up(x)
        return out
