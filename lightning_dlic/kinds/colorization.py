"""Kind `colorization`."""

from __future__ import annotations

from typing import ClassVar

from lightning_dlic.kinds.base import Kind, Slot


class ColorizationKind(Kind):
    """Colorization: chroma from luma and hints."""

    stage: ClassVar[str] = "lightning_dlic.stages.colorization.base:Colorization"
    operator: ClassVar[str | None] = "lightning_dlic.operators.colorizer:Colorizer"
    measure: ClassVar[str | None] = "lightning_dlic.measure.colorization:ColorizationMeasure"
    rivals: ClassVar[tuple[str, ...]] = ("grey", "mean", "palette", "floor")
    slot: ClassVar[Slot | None] = Slot(after=("sr",))
    hints: ClassVar[bool] = True
