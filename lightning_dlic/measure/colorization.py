"""Measuring what colours grey pictures, under the true luma and under a decoded one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlic_datamodules.picture_writer import write_picture
from dlic_datamodules.pictures import Picture
from dlic_registry import DlicError
from lightning_dlic.codec.hevc import HEVC
from lightning_dlic.codec.planes import Planes
from lightning_dlic.imaging.numpy.color import split
from lightning_dlic.measure.colorings import Way
from lightning_dlic.measure.sr import TestSet, original
from lightning_dlic.metrics.color import AbErrors, colorfulness, delta_e, lab, psnr_ab
from lightning_dlic.metrics.functional import psnr
from lightning_dlic.metrics.perceptual import LPIPS
from lightning_dlic.metrics.protocol import summarize

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
PROTOCOL = {
    "luma": "full-range BT.601 of the 8-bit RGB, rounded to 8 bits; true unless a figure's name says decoded",
    "decoded": "luma by HEVC at scale 1, at the share of its quality steps that --decoded gives; hints are cut from it",
    "bytes": "of the hints' chunk with the byte of its kind; an oracle's are those of its map of branches",
    "psnr_rgb": "mean squared error over all three channels of the 8-bit picture; peak 255",
    "psnr_ab": "CIELAB a* and b* (sRGB, D65) of the 8-bit pictures; peak 255",
    "delta_e": "mean CIEDE2000 over pixels, by scikit-image",
    "lpips": "AlexNet v0.1",
    "colorfulness": "Hasler and Suesstrunk 2003; its difference is the absolute one to the original's",
    "auc": "share of pixels whose error of ab is within a bound, over bounds of 0 to 150, percent, of all pixels",
    "auc_rebalanced": "as auc, each of the 261 bins of true ab that occur in the set counted alike",
    "pictures": "originals whose three channels are equal throughout are left out",
    "mean": "over pictures, of per-picture values; auc over pixels",
}


@dataclass
class Row:
    """Figures of one way on one set.

    Attributes:
        data: The set's name.
        target: The way's name.
        hints: Its hints.
        pictures: Figures of each picture by its name.
        areas: What the areas under the curves are counted in.
    """

    data: str
    target: str
    hints: str
    pictures: dict[str, dict[str, float]] = field(default_factory=dict)
    areas: AbErrors = field(default_factory=AbErrors, repr=False)

    @property
    def figures(self) -> dict[str, float]:
        """Means over the pictures, and the areas over all pixels."""
        return {**summarize(self.pictures.values()), "auc": self.areas.auc(), "auc_rebalanced": self.areas.rebalanced()}


def evaluate_color(
    ways: Sequence[Way],
    sets: Iterable[TestSet],
    *,
    decoded: float | None = 0.4,
    lpips: LPIPS | None = None,
    save: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """Measures ways to colour on sets.

    Args:
        ways: What is measured; pairs of name and hints must differ.
        sets: On what.
        decoded: Quality of the decoded luma as a share of HEVC's steps; None measures under the true luma alone.
        lpips: The LPIPS network; None leaves LPIPS out.
        save: Folder for the pictures made, as ``<target>-<hints>/<set>/<picture>.png``.
        progress: Called with a line before each picture.

    Returns:
        A row a pair, sets in their order and ways in theirs.

    Raises:
        DlicError: A picture cannot be read, or is too large or too small for a way; or no picture of a set has colour.
    """
    rows: list[Row] = []
    for data in sets:
        table = [Row(data.name, way.name, way.hints) for way in ways]
        for number, path in enumerate(data.files, 1):
            progress(f"{data.name} {number}/{len(data.files)} {path.name}")
            target = original(path, data.trim, 1)
            if _is_grey(target):
                continue
            for way, row in zip(ways, table, strict=True):
                made, figures = _measure(way, target, row.areas, decoded, lpips)
                row.pictures[data.stem(path)] = figures
                if save is not None:
                    file = save / f"{way.name}-{way.hints}" / data.name / f"{data.stem(path)}.png"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    write_picture(file, Picture(made))
        if not table[0].pictures:
            raise DlicError(f"{data.folder}: no picture in it has any colour")
        rows += table
    return rows


def _is_grey(picture: Tensor) -> bool:
    """Whether there is nothing to predict: grey itself would be right, and its PSNR infinite."""
    return bool((picture == picture[:, :1]).all())


def parts(target: Tensor) -> tuple[U8, F32]:
    """Luma ``[H, W]``, and Cb and Cr in levels about 0 ``[2, H, W]``, of uint8 RGB ``[1, 3, H, W]``."""
    luma, *chroma = split(np.ascontiguousarray(target[0].permute(1, 2, 0).numpy()))
    return luma, np.stack(chroma).astype(np.float32) - 128


def _measure(
    way: Way, target: Tensor, areas: AbErrors, decoded: float | None, lpips: LPIPS | None
) -> tuple[U8, dict[str, float]]:
    luma, chroma = parts(target)
    made, size = way.color(luma, chroma)
    output = _tensor(made)
    first, second = lab(output), lab(target)
    vivid, wanted = colorfulness(output), colorfulness(target)
    figures = {
        "bytes": float(size),
        "psnr_rgb": psnr(output, target),
        "psnr_ab": psnr_ab(first, second),
        "delta_e": delta_e(first, second),
        "colorfulness": vivid,
        "colorfulness_original": wanted,
        "colorfulness_difference": abs(vivid - wanted),
    }
    areas.update(first, second)
    if lpips is not None and min(target.shape[-2:]) >= 32:
        with torch.inference_mode():
            figures["lpips"] = lpips(output / 255.0, target / 255.0).item()
    if decoded is not None:
        figures["psnr_rgb_decoded"] = psnr(_tensor(way.color(_through_codec(luma, decoded), chroma)[0]), target)
    return made, figures


def _through_codec(luma: U8, quality: float) -> U8:
    codec = HEVC()
    payload = codec.encode(Planes(luma), round(quality * (codec.steps - 1)), 3)
    return codec.decode(payload, luma.shape[0], luma.shape[1], False).y


def _tensor(picture: U8) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
