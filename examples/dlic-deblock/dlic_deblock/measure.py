"""How its networks are measured: ``dlic eval deblock:deblock_hevc decoded --data DIR``."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.imaging.numpy.resize import enlarge
from lightning_dlic.measure.decoded import Coded, DecodedMeasure
from lightning_dlic.operators.base import Operator
from lightning_dlic.operators.restorer import Restorer


class RestorationMeasure(DecodedMeasure):
    """Networks that repair decoded luma, beside luma as decoded."""

    color: ClassVar[bool] = False

    def make(self, operator: Operator, coded: Coded) -> NDArray[np.uint8]:
        """See `DecodedMeasure.make`."""
        if not isinstance(operator, Restorer):
            raise operator.refusal(f"kind {operator.kind!r}")
        repaired = operator(coded.planes.y, coded.quality)
        return repaired if coded.scale == 1 else enlarge(repaired, coded.scale, coded.height, coded.width)
