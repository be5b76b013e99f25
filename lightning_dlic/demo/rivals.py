"""The other codecs at the same bytes, each free to downsize first."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlic_registry import DlicError
from lightning_dlic.bench.rows import Coded, FileRow, FileSession, Sample, rows
from lightning_dlic.demo.figures import glance
from lightning_dlic.imaging.numpy.color import luma
from lightning_dlic.pipeline.measures import ssim

U8 = NDArray[np.uint8]
RIVALS = {"jpeg": "JPEG", "webp": "WebP", "avif": "AVIF"}
"""Rows of the benchmark that stand beside ours, and what the page calls them."""


@dataclass(frozen=True)
class Rival:
    """The best file of another codec.

    Attributes:
        sample: What it decodes to.
        data: The file.
        encode_seconds: Time of the search for it.
    """

    sample: Sample
    data: bytes
    encode_seconds: float


def best_file(name: str, picture: U8, limit: int) -> Rival | None:
    """The file of a codec that looks best within a limit, by SSIM of luma as ours is chosen; None where none fits.

    Args:
        name: One of `RIVALS`.
        picture: uint8 ``[H, W, 3]`` or ``[H, W]``.
        limit: Bytes of the whole file.
    """
    row = rows(5, "bicubic")[name]
    if not isinstance(row, FileRow):
        raise DlicError(f"{name} writes no files of its own")
    session, start = row.open(picture), time.perf_counter()
    target = _luma(glance(picture))
    found = [(_score(session, file, target), file) for file in session.files(limit)]
    seconds = time.perf_counter() - start
    if not found:
        return None
    best = max(found, key=lambda pair: pair[0])[1]
    return Rival(session.decoded(best), best.data, seconds)


def _score(session: FileSession, file: Coded, target: U8) -> float:
    """How good a file is at a glance: the size of a large picture would take seconds a file."""
    image = Image.fromarray(session.small(file)).convert("L")
    made = np.asarray(image.resize(target.shape[::-1], Image.Resampling.BICUBIC))
    return ssim(made, target)


def _luma(picture: U8) -> U8:
    return picture if picture.ndim == 2 else luma(picture)
