"""Stage `regression`."""

from __future__ import annotations

from lightning_dlic.stages.sr.base import SuperResolution


class Regression(SuperResolution):
    """Any registered network that enlarges, trained to come near the original: l1 unless losses are named."""
