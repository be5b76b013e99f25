"""The kind: what its stages are, what its networks do, how they are measured, and where they stand."""

from collections.abc import Mapping
from typing import ClassVar

from lightning_dlic.kinds.base import Kind, Slot


class RestorationKind(Kind):
    """Restoration: a decoded base layer made more like what was coded, at its own size."""

    stage: ClassVar[str] = "dlic_deblock.stage:Restoration"
    operator: ClassVar[str | None] = "dlic_deblock.operator:Deblocker"
    measure: ClassVar[str | None] = "dlic_deblock.measure:RestorationMeasure"
    rivals: ClassVar[tuple[str, ...]] = ("decoded",)
    slot: ClassVar[Slot | None] = Slot(before=("sr", "colorization", "reconstruction"))
    facts: ClassVar[Mapping[str, type]] = {"channels": int}
