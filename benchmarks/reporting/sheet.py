"""Pictures of the same bytes side by side, with captions."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dlic_datamodules.files import write_file
from lightning_dlic.bench.bench import score
from lightning_dlic.bench.rows import pick_rows
from lightning_dlic.pipeline.pictures import load_picture

U8 = NDArray[np.uint8]
GAP, CAPTION = 8, 44
INK, PALE, PAPER = "#1a1a1a", "#666666", "#ffffff"
TITLES = {
    "jpeg": "JPEG",
    "webp": "WebP",
    "avif": "AVIF",
    "ours": "dlic photo",
    "ours:look": "dlic look",
    "ours:past/look_3": "dlic look of 0.1",
}


@dataclass(frozen=True)
class Crop:
    """A part of a picture that is shown: the whole picture is coded.

    Attributes:
        picture: RGB ``[H, W, 3]``.
        box: Left, top, right, bottom.
    """

    picture: U8
    box: tuple[int, int, int, int]


def shipped_crops() -> list[Crop]:
    """Of photographs that come with scikit-image."""
    from skimage import data

    return [Crop(data.astronaut(), (60, 0, 380, 320)), Crop(data.coffee(), (110, 60, 430, 380))]


# Of Kodak's pictures, by number: left and top of a square of what is hard: letters, skin, leaves, feathers, fences.
HARD = {
    1: (400, 200),
    4: (130, 200),
    5: (250, 130),
    7: (250, 120),
    8: (300, 130),
    19: (150, 330),
    20: (330, 230),
    23: (130, 90),
}
SIDE = 224


def kodak_crops(files: Mapping[str, Path]) -> list[Crop]:
    """Of the Kodak set's files by name."""
    crops = []
    for number, (left, top) in HARD.items():
        picture = load_picture(files[f"kodim{number:02d}.png"])
        crops.append(Crop(picture, (left, top, left + SIDE, top + SIDE)))
    return crops


def draw_sheet(
    path: Path, crops: Sequence[Crop] | None = None, budget: int = 2000, codecs: str = "jpeg,avif,ours,ours:look"
) -> None:
    """Writes a sheet: a row a picture, the original first, then each codec's best file by PSNR within the budget."""
    rows = [_row(crop, budget, codecs) for crop in (shipped_crops() if crops is None else crops)]
    sheet = _stacked(rows, vertical=True)
    out = io.BytesIO()
    sheet.save(out, "WEBP", quality=88, method=6)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, out.getvalue())


def _row(crop: Crop, budget: int, codecs: str) -> Image.Image:
    cells = [_cell(crop.picture, crop.box, "original", f"{crop.picture.nbytes:,} bytes of pixels")]
    for name, row in pick_rows(codecs, 5, "photo").items():
        samples = list(row.open(crop.picture).samples(budget))
        if not samples:
            cells.append(_cell(np.full_like(crop.picture, 255), crop.box, TITLES.get(name, name), "no file so small"))
            continue
        best = max(samples, key=lambda sample: score(sample.picture, crop.picture, ("psnr_rgb",))["psnr_rgb"])
        cells.append(_cell(best.picture, crop.box, TITLES.get(name, name), f"{best.size:,} bytes"))
    return _stacked(cells, vertical=False)


def _cell(picture: U8, box: tuple[int, int, int, int], title: str, under: str) -> Image.Image:
    part = Image.fromarray(picture).crop(box)
    cell = Image.new("RGB", (part.width, part.height + CAPTION), PAPER)
    cell.paste(part, (0, 0))
    pen = ImageDraw.Draw(cell)
    pen.text((2, part.height + 4), title, fill=INK, font=ImageFont.load_default(17))
    pen.text((2, part.height + 24), under, fill=PALE, font=ImageFont.load_default(13))
    return cell


def _stacked(parts: Sequence[Image.Image], vertical: bool) -> Image.Image:
    along = [part.height if vertical else part.width for part in parts]
    across = max(part.width if vertical else part.height for part in parts)
    length = sum(along) + GAP * (len(parts) - 1)
    whole = Image.new("RGB", (across, length) if vertical else (length, across), PAPER)
    start = 0
    for part, size in zip(parts, along, strict=True):
        whole.paste(part, (0, start) if vertical else (start, 0))
        start += size + GAP
    return whole
