"""Measuring what makes whole pictures of decoded base layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lightning_dlic.measure.decoded import DecodedMeasure


class ReconstructionMeasure(DecodedMeasure):
    """Networks that make pictures of base layers in colour, at each of their scales; beside bicubic."""

    def __init__(
        self,
        scale: int | None = None,
        codec: Sequence[str] = ("hevc",),
        decoded: Sequence[float] = (0.2, 0.4, 0.6),
        alpha: float = 0.0,
        lpips: bool | None = None,
        metrics: Sequence[str] = (),
        save: Path | None = None,
    ) -> None:
        """Sets what is measured.

        Args:
            scale: Factor by which base layers are smaller; None: the networks' own.
            codec: Base codecs.
            decoded: Qualities, each a share of the codec's steps.
            alpha: How much networks may make up, from 0, faithful, to 1, vivid.
            lpips: Whether LPIPS is measured; None: where its weights are found.
            metrics: Registered metrics besides the usual.
            save: Folder for the pictures made.

        Raises:
            ValueError: A value is out of range.
            DlicError: A codec or a metric is unknown, or its encoder is not installed.
        """
        if not 0.0 <= alpha <= 1.0:
            raise ValueError(f"--alpha {alpha}: a number from 0 to 1")
        super().__init__(scale, codec, decoded, lpips, metrics, save)
        self.alpha = alpha
