"""Stage `pnns_fc`."""

from __future__ import annotations

from lightning_dlic.imaging.numpy.blocks import VIEWS
from lightning_dlic.stages.prediction.base import Prediction


class PNNSFC(Prediction):
    """A fully connected predictor of blocks (PNNS, Dumas et al. 2019), trained for exact computation in integers."""

    def __init__(
        self,
        m: int = 8,
        blocks: int = 4096,
        width: int = 384,
        depth: int = 2,
        branches: int = 1,
        differences: int = 0,
        views: int = 1,
    ) -> None:
        """Builds the stage.

        Args:
            m: Side of the blocks: 4, 8, 16 or 32.
            blocks: Blocks drawn a batch.
            width: Units of each hidden layer.
            depth: Hidden layers.
            branches: Predictions of each block, for the term ``rate``.
            differences: Further ones as differences from the first: smaller where blocks are large.
            views: How many views of a block ``rate`` chooses a prediction of: the picture as it is, transposed,
                inverted, both. Four times as many predictions by the same weights: the base codec `intra` has them.

        Raises:
            ValueError: ``views`` is not from 1 to 4.
        """
        sizes = {"width": width, "depth": depth, "branches": branches, "differences": differences}
        super().__init__(m, blocks, {"name": "pnns_fc", **sizes})
        if not 1 <= views <= VIEWS:
            raise ValueError(f"views must be from 1 to {VIEWS}, not {views}")
        self.views = views
