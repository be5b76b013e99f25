"""What the page knows before there is a picture: pipelines, limits, lines, photographs to try."""

from __future__ import annotations

import inspect
import math
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lightning_dlic import __version__
from lightning_dlic.demo.limits import LEAST_BYTES, MOST_BYTES, PIXELS, SHOWN_SIDE, UPLOAD_BYTES

LINES = {"2G": 40_000, "3G": 384_000}
"""Bits a second: GPRS with four slots at CS-2 as it was sold, and UMTS before HSPA."""
SAMPLES = {"chelsea": "chelsea.png", "coffee": "coffee.png", "astronaut": "astronaut.png"}
"""Photographs that ship inside scikit-image, in the public domain, by their names here."""


@cache
def pipelines() -> dict[str, str]:
    """The pipelines that ship and code, with the sentence that their file begins with.

    The usual one comes first; then those with networks, which have numbers, in their order; then those without.
    """
    from lightning_dlic.pipeline.plan import shipped
    from lightning_dlic.recipe.find import PIPELINES, shipped_folder

    folder = shipped_folder()
    if folder is None:
        return {}
    names = [name for name in shipped() if "/" not in name]
    texts = {name: (folder / PIPELINES / f"{name}.yaml").read_text("utf-8") for name in names}
    ordered = sorted(names, key=lambda name: (name != usual_pipeline(), _number(texts[name]), name))
    return {name: _sentence(texts[name]) for name in ordered}


def _number(text: str) -> float:
    found = re.search(r"^number: (\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else math.inf


def _sentence(text: str) -> str:
    comment = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        comment.append(line.lstrip("# "))
    said = re.split(r"(?<=\.)\s+", " ".join(comment))
    return said[0] if said else ""


def usual_pipeline() -> str:
    """The pipeline of `lightning_dlic.pipeline.compress.compress` where none is named."""
    from lightning_dlic.pipeline.compress import compress

    return str(inspect.signature(compress).parameters["pipeline"].default)


def coloring_pipeline(chosen: str) -> str:
    """The pipeline by which ways of colour are compared: the chosen one, or one that has a network for it."""
    from lightning_dlic.pipeline.plan import find_pipeline

    return next((name for name in (chosen, *pipelines()) if find_pipeline(name).colors), chosen)


def sample_file(name: str) -> Path | None:
    """A photograph of `SAMPLES`; None where this scikit-image ships without it."""
    spec = find_spec("skimage")
    path = Path(spec.origin).parent / "data" / SAMPLES[name] if spec and spec.origin else None
    return path if path is not None and path.is_file() else None


@cache
def about() -> dict[str, Any]:
    """All of it, for the page."""
    return {
        "version": __version__,
        "pipelines": [{"name": name, "summary": summary} for name, summary in pipelines().items()],
        "pipeline": usual_pipeline(),
        "least": LEAST_BYTES,
        "most": MOST_BYTES,
        "upload": UPLOAD_BYTES,
        "pixels": PIXELS,
        "shown": SHOWN_SIDE,
        "lines": LINES,
        "samples": [name for name in SAMPLES if sample_file(name) is not None],
    }
