"""The rule that tells photographs from what is drawn or written, and what follows from it."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.photographs import traits
from lightning_dlic.pipeline.plan import find_pipeline

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from photographs import as_jpeg, cartoon, lines, screenshot, text


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "camera", "coins", "brick", "grass", "rocket"])
def test_photographs_are_photographs(name: str) -> None:
    assert traits(getattr(data, name)()).photograph


@pytest.mark.parametrize("kind", [text, screenshot, cartoon, lines])
def test_what_is_drawn_or_written_is_none(kind) -> None:
    assert not traits(np.asarray(kind(random.Random(0)))).photograph


def test_neither_is_a_screenshot_that_was_a_jpeg_nor_a_large_one() -> None:
    picture = screenshot(random.Random(1))
    assert not traits(np.asarray(as_jpeg(picture))).photograph
    assert not traits(np.tile(np.asarray(picture), (3, 3, 1))).photograph
    assert traits(np.zeros((1, 1), np.uint8)) == traits(np.zeros((1, 1, 3), np.uint8))


@pytest.mark.slow
def test_auto_makes_nothing_up_in_a_drawing_and_photo_warns() -> None:
    drawing = np.ascontiguousarray(np.asarray(cartoon(random.Random(2)))[:128, :160])
    asked = {"bytes": 900, "effort": 1, "codec": "hevc", "scale": 2}
    chosen = compress(drawing, pipeline="auto", **asked)
    assert chosen.data == compress(drawing, pipeline="faithful", **asked).data
    with pytest.warns(UserWarning, match="looks drawn or written: the pipeline faithful"):
        compress(drawing, pipeline=find_pipeline("photo", ["always=true"]), **asked)
    photo = np.ascontiguousarray(data.astronaut()[:96, :128])
    assert compress(photo, pipeline="auto", **asked).data == compress(photo, pipeline="photo", **asked).data
