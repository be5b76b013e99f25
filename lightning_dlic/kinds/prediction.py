"""Kind `prediction`."""

from __future__ import annotations

from typing import ClassVar

from lightning_dlic.kinds.base import Kind


class PredictionKind(Kind):
    """Block prediction: a block from what is known around it, inside the coding loop of a base codec."""

    stage: ClassVar[str] = "lightning_dlic.stages.prediction.base:Prediction"
    operator: ClassVar[str | None] = "lightning_dlic.operators.predictor:NetPredictor"
    measure: ClassVar[str | None] = "lightning_dlic.measure.prediction:PredictionMeasure"
    loop: ClassVar[str | None] = "intra"
