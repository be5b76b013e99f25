"""The stage: what recipes name."""

from collections.abc import Mapping
from typing import ClassVar

from lightning_dlic.stages.settings import Spec
from lightning_dlic.stages.sr.base import Downsize, SuperResolution


class ESPCN(SuperResolution):
    """ESPCN, three convolutions at low resolution and a pixel shuffle (Shi et al., CVPR 2016)."""

    default_optim: ClassVar[Mapping[str, Spec]] = {"net": {"name": "adam", "lr": 1e-3}}
    default_losses: ClassVar[Mapping[str, Spec | None]] = {"pixel": {"name": "mse", "weight": 1.0}}

    def __init__(self, scale: int = 3, channels: int = 1, width: int = 64, downsize: Downsize = None) -> None:
        """Builds the stage.

        Args:
            scale: Whole factor of enlargement.
            channels: 1 (luma, the paper's) or 3 (RGB).
            width: Channels of the network's first layer.
            downsize: Operator that makes the input, by registered name.
        """
        # Qualified, so that another distribution's espcn can be installed beside this one.
        super().__init__(scale, channels, {"name": "dlic-espcn:espcn", "width": width}, downsize)
