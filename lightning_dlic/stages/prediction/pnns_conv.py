"""Stage `pnns_conv`."""

from __future__ import annotations

from lightning_dlic.stages.prediction.base import Prediction


class PNNSConv(Prediction):
    """A convolutional predictor of larger blocks: PNNS's two branches (Dumas et al. 2019), in floats."""

    def __init__(self, m: int = 16, blocks: int = 1024, width: int = 64, dense: int = 512) -> None:
        """Builds the stage.

        Args:
            m: Side of the blocks: 8, 16 or 32.
            blocks: Blocks drawn a batch.
            width: Channels of the convolutions.
            dense: Units of the layer that merges both branches.
        """
        super().__init__(m, blocks, {"name": "pnns_conv", "width": width, "dense": dense})
