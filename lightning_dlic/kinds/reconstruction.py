"""Kind `reconstruction`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lightning_dlic.kinds.base import Kind, Slot


class ReconstructionKind(Kind):
    """Reconstruction: the whole picture of a decoded base layer in colour, in the place of sr and colorization."""

    stage: ClassVar[str] = "lightning_dlic.stages.reconstruction.base:Reconstruction"
    operator: ClassVar[str | None] = "lightning_dlic.operators.reconstructor:Reconstructor"
    measure: ClassVar[str | None] = "lightning_dlic.measure.reconstruction:ReconstructionMeasure"
    rivals: ClassVar[tuple[str, ...]] = ("decoded",)
    slot: ClassVar[Slot | None] = Slot(instead=("sr", "colorization"))
    facts: ClassVar[Mapping[str, type]] = {"scales": list}
