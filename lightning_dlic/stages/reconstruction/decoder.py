"""Stage `decoder`."""

from __future__ import annotations

from lightning_dlic.stages.reconstruction.base import Reconstruction


class Decoder(Reconstruction):
    """The codec's decoder behind the base codec, trained on pixels and, by a strength, on features."""
