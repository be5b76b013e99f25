"""How its networks are measured: ``dlic eval deblock:deblock_hevc decoded --data DIR``."""

from typing import ClassVar

from lightning_dlic.measure.decoded import DecodedMeasure


class RestorationMeasure(DecodedMeasure):
    """Networks that repair decoded luma, beside luma as decoded."""

    color: ClassVar[bool] = False
