"""Pictures as the page shows them: PNG, no larger than a screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lightning_dlic.demo.limits import SHOWN_SIDE

U8 = NDArray[np.uint8]


def show(picture: U8, path: Path, *, smooth: bool = True) -> dict[str, Any]:
    """Writes a picture for the page.

    Args:
        picture: uint8 ``[H, W, 3]`` or ``[H, W]``.
        path: The PNG.
        smooth: Whether a small one is left to the browser to enlarge smoothly; otherwise its pixels are squares.

    Returns:
        What the page needs to know of it.
    """
    image = Image.fromarray(picture)
    fit(picture).save(path, "PNG", compress_level=1)
    return {"file": path.name, "width": image.width, "height": image.height, "smooth": smooth}


def fit(picture: U8, side: int = SHOWN_SIDE) -> Image.Image:
    """A picture whose longest side is at most so many pixels."""
    image = Image.fromarray(picture)
    if max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return image
