"""SSIMULACRA 2: visible artefacts, by statistics that were fitted to people's judgements of compressed pictures."""

from __future__ import annotations

import io
from typing import ClassVar

from torch import Tensor

from dlic_registry import DlicError
from lightning_dlic.metrics.running import LARGE, PictureMetric


class SSIMULACRA2(PictureMetric):
    """SSIMULACRA 2.1 (Sneyers 2023), by the package `ssimulacra2`; 100 for equal pictures, 70 good, 30 poor, 0 bad."""

    title: ClassVar[str] = "SSIMULACRA2"
    form: ClassVar[str] = ".2f"
    smallest: ClassVar[int] = 8
    largest: ClassVar[int] = LARGE

    def __init__(self, crop_border: int = 0) -> None:
        """Looks for the package.

        Args:
            crop_border: Pixels cut off each side before scoring.

        Raises:
            DlicError: The package is not installed.
        """
        super().__init__(crop_border)
        try:
            from ssimulacra2 import compute_ssimulacra2
        except ImportError as error:
            raise DlicError(
                "metric ssimulacra2 needs the package ssimulacra2: pip install 'lightning-dlic[ssimulacra2]'"
            ) from error
        self._compute = compute_ssimulacra2

    def picture(self, output: Tensor, target: Tensor) -> float:
        """The value of one picture."""
        return float(self._compute(_file(target), _file(output)))


def _file(picture: Tensor) -> io.BytesIO:
    """A picture as the package reads it."""
    from PIL import Image

    out = io.BytesIO()
    planes = picture[0].expand(3, -1, -1).permute(1, 2, 0).contiguous().cpu().numpy()
    Image.fromarray(planes).save(out, format="bmp")
    out.seek(0)
    return out
