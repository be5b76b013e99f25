"""Photographs that anybody may use, base layers of them, and rows of pictures with words below: what figures share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from dlic_registry import load
from lightning_dlic.codec.planes import downsized
from lightning_dlic.imaging.numpy.color import split
from lightning_dlic.operators.layers import Layers

U8 = NDArray[np.uint8]
_GAP, _LINE = 8, 17


def cat() -> U8:
    """Chelsea, of scikit-image (CC0), 448x296."""
    return np.ascontiguousarray(data.chelsea()[:296, :448])


def coded(picture: U8, scale: int, share: float, color: bool = False, codec: str = "hevc") -> tuple[Layers, int]:
    """A picture's base layer as a decoder has it, at a share of the codec's qualities, and the payload's bytes."""
    built = load("codec", codec)()
    base = downsized(picture, split(picture) if color else split(picture)[:1], scale)
    payload = built.encode(base, round(share * (built.steps - 1)), 5)
    planes = built.decode(payload, *base.size, base.color)
    height, width = picture.shape[:2]
    return Layers(planes, planes, scale, height, width, built.log_step(payload, *base.size)), len(payload)


def shown(picture: U8, times: int = 1) -> U8:
    """RGB of a picture, or of luma, each pixel repeated."""
    rgb = picture if picture.ndim == 3 else np.stack([picture] * 3, axis=-1)
    return np.ascontiguousarray(rgb.repeat(times, axis=0).repeat(times, axis=1))


def rows_of(rows: Sequence[Sequence[tuple[U8, str]]], width: int) -> U8:
    """Pictures of one width in rows, words below each; lines of words end with a newline."""
    font = ImageFont.load_default(13)
    lines = []
    for row in rows:
        cells = [(Image.fromarray(shown(picture)), text.split("\n")) for picture, text in row]
        cells = [(image.resize((width, round(width * image.height / image.width))), text) for image, text in cells]
        tall = max(image.height + _LINE * len(text) for image, text in cells)
        line = Image.new("RGB", (len(cells) * (width + _GAP) + _GAP, tall + 2 * _GAP), "white")
        draw = ImageDraw.Draw(line)
        for index, (image, text) in enumerate(cells):
            left = _GAP + index * (width + _GAP)
            line.paste(image, (left, _GAP))
            for number, words in enumerate(text):
                draw.text((left, _GAP + image.height + 2 + number * _LINE), words, fill="black", font=font)
        lines.append(line)
    sheet = Image.new("RGB", (max(line.width for line in lines), sum(line.height for line in lines)), "white")
    top = 0
    for line in lines:
        sheet.paste(line, (0, top))
        top += line.height
    return np.asarray(sheet)


def save(picture: U8, path: Path) -> None:
    """Writes a figure as WebP, small enough for a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, quality=82, method=6)
    print(f"{path}: {path.stat().st_size:,} bytes")


def photographs() -> list[U8]:
    """Middles of four photographs of scikit-image, 240x240."""
    whole = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
    corners = [((picture.shape[0] - 240) // 2, (picture.shape[1] - 240) // 2) for picture in whole]
    return [np.ascontiguousarray(p[y : y + 240, x : x + 240]) for p, (y, x) in zip(whole, corners, strict=True)]


def curve(lines: dict[str, tuple[Sequence[float], Sequence[float]]], across: str, up: str) -> U8:
    """Lines of points as a small plot."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5.4, 3.0), dpi=110, layout="constrained")
    for name, (x, y) in lines.items():
        axes.plot(x, y, marker="o", markersize=3.5, label=name)
    axes.set(xlabel=across, ylabel=up)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
    pyplot.close(figure)
    return pixels
