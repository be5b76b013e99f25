"""Few bytes for a large picture: coarse scales, a true least, and seconds."""

import re
import time
import warnings

import numpy as np
import pytest
from PIL import Image
from skimage import data

from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.scales import SCALES, useful, worth_trying
from lightning_dlic.pipeline.search import BudgetError


def photograph(height: int, width: int) -> np.ndarray:
    return np.asarray(Image.fromarray(data.coffee()[:, :560]).resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return photograph(480, 640)


def test_scales_that_are_tried() -> None:
    """A usual picture is coded at the usual scales; a phone's in a mail's bytes at coarse ones; at least one always."""
    pixels = {"phone": 4032 * 3024, "small": 512 * 768}

    def tried(name: str, limit: int) -> list[float]:
        return worth_trying(SCALES, limit, lambda scale: pixels[name] // scale**2)

    assert tried("small", 2000) == [1, 1.5, 2, 3, 4]
    assert tried("small", 250)[-1] > 4
    assert tried("phone", 2000) == [4, 6, 8, 12]
    assert tried("phone", 100_000) == [1, 1.5, 2, 3, 4]
    assert tried("phone", 1) == [16]
    assert useful(SCALES, lambda scale: pixels["phone"] // scale**2) == list(SCALES)
    assert useful(SCALES, lambda scale: 128 * 192 // scale**2) == [1, 1.5, 2, 3, 4]
    assert useful([16], lambda scale: 1) == [16]


def test_coarse_scales_for_few_bytes(picture: np.ndarray) -> None:
    made = compress(picture, bytes=150, effort=1, pipeline="bicubic")
    assert len(made.data) <= 150
    assert made.stream.scale > 4
    assert decompress(made.data).shape == picture.shape


@pytest.mark.slow
def test_a_pipeline_of_one_scale_goes_on_by_interpolation_where_its_own_takes_too_many(picture: np.ndarray) -> None:
    with pytest.warns(UserWarning, match="150 bytes are too few at its scale 2, so it is scale"):
        made = compress(picture, bytes=150, effort=1, pipeline="past/look_3")
    assert len(made.data) <= 150
    assert made.stream.pipeline is None
    assert decompress(made.data, strict=True).shape == picture.shape
    with pytest.raises(BudgetError, match="at scale 2"):
        compress(picture, bytes=150, effort=1, pipeline="past/look_3", scale=2)


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", ["photo", "look"])
@pytest.mark.parametrize("shape", [(96, 128), (5, 3)])
def test_the_least_is_possible_and_one_less_is_not(pipeline: str, shape: tuple[int, int]) -> None:
    picture = photograph(*shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(BudgetError) as caught:
            compress(picture, bytes=12, effort=1, pipeline=pipeline)
        found = re.search(r"the smallest possible is (\d+) bytes", str(caught.value))
        assert found
        least = int(found[1])
        assert len(compress(picture, bytes=least, effort=1, pipeline=pipeline).data) == least
        with pytest.raises(BudgetError, match=f"the smallest possible is {least} bytes"):
            compress(picture, bytes=least - 1, effort=1, pipeline=pipeline)


@pytest.mark.slow
def test_a_phones_photograph_in_2000_bytes_takes_seconds() -> None:
    picture = photograph(3024, 4032)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = compress(picture, bytes=2000, effort=1)
    assert time.process_time() - start < 90
    assert 1000 < len(made.data) <= 2000
    assert made.stream.scale >= 4
    assert decompress(made.data).shape == picture.shape
