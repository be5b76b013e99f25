"""Whom the rule takes for a photograph (`pipeline/photographs.py`): pictures of folders, and drawn ones.

python benchmarks/photographs.py [FOLDER ...] [--pages FILE.html ...] [--json FILE]

Drawn are pages of words, windows, cartoons, ink, and plots by matplotlib. Pages are shown by Chromium, where there is
one, as a window of 1200x900.
"""

from __future__ import annotations

import argparse
import io
import random
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from reporting.keep import keep
from reporting.tables import photographs

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


def plot(draw: random.Random) -> Image.Image:
    """Curves, bars and points with a legend."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(9, 4))
    for name in draw.sample(WORDS, 4):
        values = [draw.random() + place * draw.random() for place in range(12)]
        axes[0].plot(values, label=name)
        axes[1].bar(name, values[-1])
        axes[2].scatter([draw.random() for _ in range(30)], [draw.random() for _ in range(30)], label=name, alpha=0.7)
    axes[0].legend()
    axes[2].grid()
    figure.tight_layout()
    out = io.BytesIO()
    figure.savefig(out, dpi=90, format="png")
    pyplot.close(figure)
    return Image.open(out).convert("RGB")


KINDS: tuple[Callable[[random.Random], Image.Image], ...] = (text, screenshot, cartoon, lines, plot)


def drawn(kind: Callable[[random.Random], Image.Image]) -> list[Image.Image]:
    """Some pictures of a kind."""
    return [kind(random.Random(seed)) for seed in range(PICTURES)]


def as_jpeg(picture: Image.Image) -> Image.Image:
    """What JPEG of quality 85 leaves of a picture."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return Image.open(file)


def shown(pages: Iterable[Path]) -> Iterator[Image.Image]:
    """Pages as a browser shows them; none where there is no Chromium."""
    browser = which("chromium") or which("chromium-browser") or which("google-chrome")
    for page in pages if browser else ():
        with TemporaryDirectory() as folder:
            options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,900"]
            address = page.resolve().as_uri()
            file = Path(folder, "page.png")
            command = [str(browser), *options, f"--user-data-dir={folder}", f"--screenshot={file}", address]
            subprocess.run(command, capture_output=True, timeout=120, check=True)
            with Image.open(file) as image:
                yield image.convert("RGB")


def _report(name: str, pictures: Iterable[Image.Image]) -> dict[str, Any]:
    found = [traits(np.asarray(p if p.mode == "L" else p.convert("RGB"))) for p in pictures]
    photos = sum(one.photograph for one in found)
    print(f"{name}: {photos} of {len(found)}", file=sys.stderr, flush=True)
    marks = [round(one.equal + 2 * one.sharp, 3) for one in found]
    return {"pictures": name, "number": len(found), "taken_for_photographs": photos, "marks": marks}


def _folder(folder: Path) -> Iterator[Image.Image]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
    for path in files[:: max(1, len(files) // MOST)]:
        with Image.open(path) as image:
            image.load()
        yield image


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--pages", type=Path, nargs="*", default=[])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rows = [_report(f"{folder.parent.name}/{folder.name}", _folder(folder)) for folder in asked.folders]
    for kind in KINDS:
        rows.append(_report(kind.__name__, drawn(kind)))
        rows.append(_report(f"{kind.__name__}, JPEG", map(as_jpeg, drawn(kind))))
    pages = list(shown(asked.pages))
    rows += [_report("pages in a browser", pages), _report("pages in a browser, JPEG", map(as_jpeg, pages))]
    found = {"rule": Traits.photograph.__doc__, "rows": [row for row in rows if row["number"]]}
    print("\n".join(photographs(found)))
    if asked.json:
        keep(asked.json, found)


if __name__ == "__main__":
    main()
