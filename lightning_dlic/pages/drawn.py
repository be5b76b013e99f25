"""The sheet of a bitstream as one picture, for slides and reports."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lightning_dlic.pages.sheet import Panel, Sheet

U8 = NDArray[np.uint8]
_PAPER, _INK, _SOFT, _LINE = "#fbfaf7", "#1c1d1b", "#5e615c", "#e2e0d9"
_COLORS = {
    "base": "#0b6e62",
    "hints": "#c8752a",
    "networks": "#6a5fa8",
    "alpha": "#a3261c",
    "scale": "#2f6fb0",
    "header": "#a5a49c",
    "checksum": "#cfcdc4",
    "other": "#cfcdc4",
}
_PANEL, _GAP, _MARGIN, _BAR = 480, 24, 40, 28
# Of a panel at most: portraits would make the sheet a tower.
_TALL = 560


def sheet_picture(sheet: Sheet) -> bytes:
    """Draws the sheet.

    Returns:
        The bytes of a PNG.
    """
    tiles = [_tile(panel) for panel in sheet.panels]
    columns = min(2, len(tiles)) if len(tiles) in (2, 4) else min(3, len(tiles))
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    heights = [max(tile.height for tile in row) + 60 for row in rows]
    width = max(2 * _MARGIN + columns * (_PANEL + _GAP) - _GAP, 900)
    height = 2 * _MARGIN + 76 + sum(heights) + 60 + _BAR + 28 * len(sheet.parts)
    canvas = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.text((_MARGIN, _MARGIN), _fitting(sheet.name, _font(28), width - 2 * _MARGIN), _INK, _font(28))
    facts = ";  ".join(f"{key} {value}" for key, value in sheet.facts.items())
    draw.text((_MARGIN, _MARGIN + 40), facts, _SOFT, _font(16))
    top, number = _MARGIN + 76, 0
    for row, tall in zip(rows, heights, strict=True):
        for column, tile in enumerate(row):
            left, panel = _MARGIN + column * (_PANEL + _GAP), sheet.panels[number]
            canvas.paste(tile, (left, top))
            draw.text((left, top + tile.height + 8), panel.title, _INK, _font(17))
            words = _fitting(panel.words, _font(14), _PANEL)
            draw.text((left, top + tile.height + 30), words, _SOFT, _font(14))
            number += 1
        top += tall
    _bytes(draw, sheet, top + 20, width)
    out = io.BytesIO()
    canvas.save(out, "PNG")
    return out.getvalue()


def _plain(text: str) -> str:
    """Text in letters that Pillow's own font has."""
    return text.replace("×", "x")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _fitting(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    text = _plain(text)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}...") > width:
        text = text[:-1]
    return f"{text}..."


def _tile(panel: Panel) -> Image.Image:
    """A panel's picture at the width of a panel."""
    image = Image.fromarray(panel.picture).convert("RGB")
    factor = min(_PANEL / image.width, _TALL / image.height)
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, Image.Resampling.NEAREST if panel.squares and factor > 1 else Image.Resampling.BICUBIC)


def _bytes(draw: ImageDraw.ImageDraw, sheet: Sheet, top: int, width: int) -> None:
    draw.text((_MARGIN, top), "Where the bytes went", _INK, _font(20))
    left, bar = float(_MARGIN), top + 36
    room = width - 2 * _MARGIN - 2 * (len(sheet.parts) - 1)
    for part in sheet.parts:
        wide = max(3.0, room * part.bytes / sheet.bytes)
        draw.rectangle((left, bar, min(left + wide, width - _MARGIN), bar + _BAR), _COLORS[part.name])
        left += wide + 2
    for number, part in enumerate(sheet.parts):
        line = bar + _BAR + 14 + 28 * number
        draw.rectangle((_MARGIN, line + 4, _MARGIN + 11, line + 15), _COLORS[part.name])
        words = f"{part.title}  {part.bytes:,} bytes, {100 * part.bytes / sheet.bytes:.1f} %:  {part.words}"
        draw.text((_MARGIN + 22, line), _fitting(words, _font(15), width - 2 * _MARGIN - 22), _INK, _font(15))
