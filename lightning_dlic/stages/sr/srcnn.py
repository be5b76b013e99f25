"""Stage `srcnn`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lightning_dlic.stages.settings import Spec
from lightning_dlic.stages.sr.base import Downsize, SuperResolution


class SRCNN(SuperResolution):
    """SRCNN, three convolutions on a bicubic enlargement (Dong et al., TPAMI 2016)."""

    default_optim: ClassVar[Mapping[str, Spec]] = {"net": {"name": "adam", "lr": 5e-4}}
    default_losses: ClassVar[Mapping[str, Spec | None]] = {"pixel": {"name": "mse", "weight": 1.0}}

    def __init__(self, scale: int = 4, channels: int = 1, middle: int = 1, downsize: Downsize = None) -> None:
        """Builds the stage.

        Args:
            scale: Whole factor of enlargement.
            channels: 1 (luma, the paper's) or 3 (RGB).
            middle: Kernel of the middle layer: 1 for 9-1-5, 5 for 9-5-5.
            downsize: Operator that makes the input, by registered name.
        """
        super().__init__(scale, channels, {"name": "srcnn", "middle": middle}, downsize)
