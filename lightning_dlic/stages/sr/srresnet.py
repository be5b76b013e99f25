"""Stage `srresnet`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lightning_dlic.stages.settings import Spec
from lightning_dlic.stages.sr.base import Downsize, SuperResolution


class SRResNet(SuperResolution):
    """SRResNet trained for PSNR, SRGAN's first half (Ledig et al., CVPR 2017)."""

    default_optim: ClassVar[Mapping[str, Spec]] = {"net": {"name": "adam", "lr": 1e-4}}
    default_losses: ClassVar[Mapping[str, Spec | None]] = {"pixel": {"name": "mse", "weight": 1.0}}

    def __init__(
        self, scale: int = 4, channels: int = 3, width: int = 64, blocks: int = 16, downsize: Downsize = None
    ) -> None:
        """Builds the stage.

        Args:
            scale: 2, 3, 4 or 8.
            channels: 3 (RGB) or 1 (luma).
            width: Channels inside the network.
            blocks: Its residual blocks.
            downsize: Operator that makes the input, by registered name.
        """
        super().__init__(scale, channels, {"name": "srresnet", "width": width, "blocks": blocks}, downsize)
