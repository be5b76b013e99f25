"""Kind `reconstruction`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lightning_dlic.kinds.base import Kind, Slot


class ReconstructionKind(Kind):
    """Reconstruction: the whole picture of a decoded base layer in colour, or a grey one's luma, in the place of sr."""

    stage: ClassVar[str] = "lightning_dlic.stages.reconstruction.base:Reconstruction"
    operator: ClassVar[str | None] = "lightning_dlic.operators.reconstructor:Reconstructor"
    measure: ClassVar[str | None] = "lightning_dlic.measure.reconstruction:ReconstructionMeasure"
    rivals: ClassVar[tuple[str, ...]] = ("decoded",)
    slot: ClassVar[Slot | None] = Slot(instead=("sr",), before=("colorization",))
    alpha: ClassVar[bool] = True
    facts: ClassVar[Mapping[str, type]] = {"scales": list}
