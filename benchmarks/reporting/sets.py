"""The sets that the report measures: photographs that come with a dependency, and test sets where they are at hand."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from dlic_datamodules.folder_work import find_pictures

# In scikit-image's wheel, in the public domain or under CC0; none of our networks was trained on them.
SHIPPED = ("astronaut", "chelsea", "coffee", "rocket")


@dataclass(frozen=True)
class Part:
    """One set measured.

    Attributes:
        name: Key in the report.
        budgets: Bytes.
        rows: Rows of `dlic bench`, comma-separated.
        limit: Pictures at most, the first by name; None takes all.
        gray: Whether the luma alone is coded and measured.
    """

    name: str
    budgets: tuple[int, ...]
    rows: str
    limit: int | None = None
    gray: bool = False


ROWS = "jpeg,webp,avif,heic,jxl,ours,ours:look"
PARTS = (
    Part("shipped", (1000, 2000, 4000), ROWS),
    Part("kodak", (500, 1000, 2000, 4000), ROWS),
    Part("kodak-grey", (500, 1000, 2000, 4000), "hevc,ours", gray=True),
    Part("bsd100", (1000, 2000), ROWS, 24),
    Part("set14", (1000, 2000), ROWS),
    Part("urban8", (2000, 4000), ROWS),
    Part("faces", (600,), ROWS + ",ours:face"),
)
PLOTTED = ("kodak",)
QUICK = (Part("shipped", (2000,), "jpeg,webp,avif,ours", 1),)
# Where they are under `$DLIC_DATA`.
FOLDERS = {"faces": "faces/celebahq_256/valid", "kodak-grey": "benchmarks/kodak"}


def pictures(part: Part, scratch: Path) -> dict[str, Path]:
    """Files by name, or nothing where the set is not at hand."""
    found = _shipped(scratch) if part.name == "shipped" else _benchmark(part.name)
    return dict(list(found.items())[: part.limit])


def _shipped(folder: Path) -> dict[str, Path]:
    from skimage import data

    files = {}
    for name in SHIPPED:
        files[name] = folder / f"{name}.png"
        Image.fromarray(getattr(data, name)()).save(files[name])
    return files


def _benchmark(name: str) -> dict[str, Path]:
    root = os.environ.get("DLIC_DATA")
    if not root:
        return {}
    folder = Path(root) / FOLDERS.get(name, f"benchmarks/{name}")
    return {path.name: path for path in find_pictures(folder).files} if folder.is_dir() else {}
