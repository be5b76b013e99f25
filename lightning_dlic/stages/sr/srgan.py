"""Stage `srgan`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from dlic_registry import Component
from lightning_dlic.stages.gan import Adversarial
from lightning_dlic.stages.sr.base import Downsize, Net, SuperResolution

Discriminator = Annotated[Mapping[str, Any] | None, Component("net", provides=("channels",))]


class SRGAN(Adversarial, SuperResolution):
    """SRGAN: any generator, trained on VGG features and against a discriminator (Ledig et al., CVPR 2017)."""

    default_net: ClassVar[Mapping[str, Any]] = {"name": "srresnet"}

    def __init__(
        self,
        scale: int = 4,
        channels: int = 3,
        generator: Net = None,
        discriminator: Discriminator = None,
        downsize: Downsize = None,
    ) -> None:
        """Builds both networks.

        Args:
            scale: Whole factor of enlargement.
            channels: 3 (RGB) or 1 (luma).
            generator: Network by registered name; the paper's SRResNet by default.
            discriminator: Network by registered name; the paper's by default.
            downsize: Operator that makes the input, by registered name.
        """
        super().__init__(scale, channels, generator, downsize)
        self.add_discriminator(discriminator or {"name": "srgan_discriminator"}, channels)
