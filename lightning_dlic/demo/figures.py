"""How near a decoded picture is to its original, and how long its bytes travel."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from dlic_registry import DlicError
from lightning_dlic.demo.shown import fit
from lightning_dlic.imaging.numpy.color import luma
from lightning_dlic.metrics.terms import MOST_DB
from lightning_dlic.pipeline.measures import lpips_distance, psnr, ssim
from lightning_dlic.weights import find_weights

U8 = NDArray[np.uint8]
GLANCE_SIDE = 1024
"""Longest side at which scales are compared, and at which LPIPS is taken."""


def figures(output: U8, target: U8) -> dict[str, float]:
    """PSNR in dB over all channels and SSIM of luma, of whole pictures."""
    return {
        "psnr": min(MOST_DB, psnr(np.ascontiguousarray(output), np.ascontiguousarray(target))),
        "ssim": ssim(_luma(output), _luma(target)),
    }


def _luma(picture: U8) -> U8:
    return picture if picture.ndim == 2 else luma(picture)


def glance(picture: U8) -> U8:
    """A picture at the size at which a look decides."""
    return np.asarray(fit(picture, GLANCE_SIDE))


def lpips(output: U8, target: U8) -> float | None:
    """LPIPS at `glance`'s size; None where its weights are not at hand, for nothing is downloaded."""
    distance = _distance()
    value = None if distance is None else distance(glance(output), glance(target))
    return value if value is not None and math.isfinite(value) else None


@cache
def _distance() -> Callable[[U8, U8], float] | None:
    try:
        from lightning_dlic.frozen.alexnet import FILE

        return None if find_weights(FILE) is None else lpips_distance()
    except (DlicError, ImportError):
        # Its heads are missing, or torch is.
        return None
