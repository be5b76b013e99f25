"""Stage `compact`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lightning_dlic.stages.settings import Spec
from lightning_dlic.stages.sr.base import Downsize, SuperResolution


class Compact(SuperResolution):
    """A network of at most 0.5 M parameters that computes at low resolution, for phones."""

    default_optim: ClassVar[Mapping[str, Spec]] = {"net": {"name": "adam", "lr": 7e-4}}

    def __init__(
        self, scale: int = 4, channels: int = 3, width: int = 48, blocks: int = 8, downsize: Downsize = None
    ) -> None:
        """Builds the stage.

        Args:
            scale: Whole factor of enlargement.
            channels: 3 (RGB) or 1 (luma).
            width: Channels inside the network.
            blocks: Its residual blocks.
            downsize: Operator that makes the input, by registered name.
        """
        super().__init__(scale, channels, {"name": "compact", "width": width, "blocks": blocks}, downsize)
