"""A table of pictures: each way to colour beside the original, with its bytes below."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lightning_dlic.measure.colorings import Grey, Way, parts
from lightning_dlic.measure.sets import TestSet, UnmeasurableError, original

U8 = NDArray[np.uint8]
_WIDTH, _GAP, _TEXT = 256, 6, 34


def draw_panel(
    ways: Sequence[Way], sets: Sequence[TestSet], rows: int, progress: Callable[[str], None] = lambda _: None
) -> U8:
    """Draws pictures in rows and ways in columns; original and grey come first.

    Args:
        ways: Columns.
        sets: Pictures are spread over them evenly.
        rows: Pictures shown, at most.
        progress: Called with a line before each picture.

    Returns:
        RGB, uint8 ``[H, W, 3]``.
    """
    paths = [(data, path) for data in sets for path in data.files]
    chosen = [paths[i * len(paths) // min(rows, len(paths))] for i in range(min(rows, len(paths)))]
    lines = []
    for data, path in chosen:
        progress(f"panel: {path.name}")
        try:
            target = original(path, data.trim, 1)
        except UnmeasurableError:
            # The measurement has named it.
            continue
        luma, chroma = parts(target)
        cells = [(np.ascontiguousarray(target[0].permute(1, 2, 0).numpy()), "original", "")]
        for way in [Grey(), *(way for way in ways if not isinstance(way, Grey))]:
            made, size = way.color(luma, chroma)
            label = way.name if way.hints == "none" else f"{way.name} {way.hints}"
            cells.append((made, label, f"{size:,} bytes"))
        lines.append(_row(cells))
    width = max(line.width for line in lines)
    sheet = Image.new("RGB", (width, sum(line.height for line in lines)), "white")
    top = 0
    for line in lines:
        sheet.paste(line, (0, top))
        top += line.height
    return np.asarray(sheet)


def _row(cells: Sequence[tuple[U8, str, str]]) -> Image.Image:
    font = ImageFont.load_default(13)
    height = round(_WIDTH * cells[0][0].shape[0] / cells[0][0].shape[1])
    row = Image.new("RGB", (len(cells) * (_WIDTH + _GAP) + _GAP, height + _TEXT + _GAP), "white")
    draw = ImageDraw.Draw(row)
    for index, (picture, label, size) in enumerate(cells):
        left = _GAP + index * (_WIDTH + _GAP)
        row.paste(Image.fromarray(picture).resize((_WIDTH, height), Image.Resampling.LANCZOS), (left, _GAP))
        draw.text((left, height + _GAP), label, "black", font)
        draw.text((left, height + _GAP + 15), size, "black", font)
    return row
