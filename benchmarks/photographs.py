"""Whom the rule takes for a photograph (`pipeline/photographs.py`): pictures of folders, and drawn ones.

python benchmarks/photographs.py [FOLDER ...]
"""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lightning_dlic.pipeline.photographs import Traits, traits

WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "lazy", "dogs", "while", "zebras", "graze", "beyond", "hills")
PICTURES, MOST = 6, 200


def text(draw: random.Random) -> Image.Image:
    """A page of words."""
    paper = draw.choice(["white", "#fdf6e3", "#222222"])
    page, size = Image.new("RGB", (640, 480), paper), draw.choice([11, 14, 18])
    pen = ImageDraw.Draw(page)
    for y in range(10, 470, int(1.4 * size)):
        line = " ".join(draw.choice(WORDS) for _ in range(180 // size))
        pen.text((12, y), line, fill="white" if paper == "#222222" else "black", font=ImageFont.load_default(size))
    return page


def screenshot(draw: random.Random) -> Image.Image:
    """A window with buttons."""
    screen = Image.new("RGB", (800, 500), "#f3f3f3")
    pen = ImageDraw.Draw(screen)
    pen.rectangle((0, 0, 800, 40), fill="#2b579a")
    pen.text((10, 10), "File Edit View Help", fill="white", font=ImageFont.load_default(16))
    for _ in range(8):
        x, y = draw.randrange(700), draw.randrange(50, 450)
        box = x, y, x + draw.randrange(60, 250), y + draw.randrange(20, 120)
        pen.rounded_rectangle(box, 8, fill=_color(draw, 120), outline="#888888")
        pen.text((x + 6, y + 6), draw.choice(WORDS), fill="black", font=ImageFont.load_default(13))
    return screen


def cartoon(draw: random.Random) -> Image.Image:
    """Filled shapes with outlines, antialiased."""
    sheet = Image.new("RGB", (600, 600), _color(draw, 150))
    pen = ImageDraw.Draw(sheet)
    for _ in range(25):
        x, y, wide, high = draw.randrange(600), draw.randrange(600), draw.randrange(10, 100), draw.randrange(10, 100)
        pen.ellipse((x - wide, y - high, x + wide, y + high), fill=_color(draw, 0), outline="black", width=3)
    return sheet.resize((400, 400), Image.Resampling.LANCZOS)


def lines(draw: random.Random) -> Image.Image:
    """A drawing in ink, antialiased."""
    sheet = Image.new("L", (1000, 1000), 255)
    pen = ImageDraw.Draw(sheet)
    for _ in range(60):
        points = [(draw.randrange(1000), draw.randrange(1000)) for _ in range(3)]
        pen.line(points, fill=draw.choice([0, 0, 60]), width=draw.choice([2, 4, 6]))
    return sheet.resize((500, 500), Image.Resampling.LANCZOS)


def _color(draw: random.Random, least: int) -> tuple[int, int, int]:
    return draw.randrange(least, 256), draw.randrange(least, 256), draw.randrange(least, 256)


KINDS: tuple[Callable[[random.Random], Image.Image], ...] = (text, screenshot, cartoon, lines)


def drawn(kind: Callable[[random.Random], Image.Image]) -> list[Image.Image]:
    """Some pictures of a kind."""
    return [kind(random.Random(seed)) for seed in range(PICTURES)]


def as_jpeg(picture: Image.Image) -> Image.Image:
    """What JPEG of quality 85 leaves of a picture."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return Image.open(file)


def _report(name: str, pictures: Iterable[Image.Image]) -> None:
    found = [traits(np.asarray(p if p.mode == "L" else p.convert("RGB"))) for p in pictures]
    if found:
        photos = sum(one.photograph for one in found)
        print(f"| {name} | {len(found)} | {photos} | {_range(found)} |", flush=True)


def _range(found: list[Traits]) -> str:
    marks = sorted(one.equal + 2 * one.sharp for one in found)
    return f"{marks[0]:.2f} ... {marks[len(marks) // 2]:.2f} ... {marks[-1]:.2f}"


def _folder(folder: Path) -> Iterator[Image.Image]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
    for path in files[:: max(1, len(files) // MOST)]:
        with Image.open(path) as image:
            image.load()
        yield image


def main() -> None:
    """Prints a table."""
    print("| pictures | number | taken for photographs | least, median, greatest mark |\n|---|---|---|---|")
    for folder in map(Path, sys.argv[1:]):
        _report(f"{folder.parent.name}/{folder.name}", _folder(folder))
    for kind in KINDS:
        _report(kind.__name__, drawn(kind))
        _report(f"{kind.__name__}, JPEG", map(as_jpeg, drawn(kind)))


if __name__ == "__main__":
    main()
