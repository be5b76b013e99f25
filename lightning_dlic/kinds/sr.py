"""Kind `sr`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lightning_dlic.kinds.base import Kind, Slot


class SuperResolutionKind(Kind):
    """Super-resolution: the small luma, or a small picture, enlarged by a whole factor."""

    stage: ClassVar[str] = "lightning_dlic.stages.sr.base:SuperResolution"
    operator: ClassVar[str | None] = "lightning_dlic.operators.enlarger:NetEnlarger"
    measure: ClassVar[str | None] = "lightning_dlic.measure.sr:EnlargingMeasure"
    rivals: ClassVar[tuple[str, ...]] = ("bicubic", "nearest", "lanczos")
    slot: ClassVar[Slot | None] = Slot(before=("colorization",))
    facts: ClassVar[Mapping[str, type]] = {"scale": int, "channels": int}
