"""Placeholders of others, against what the packages `blurhash` 1.1.5 and `thumbhash` 0.1.2 make and read."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from lightning_dlic.bench.placeholders import blurhash, largest_grid, thumbhash, unblurred, unthumbed
from lightning_dlic.bench.rows import pick_rows


@pytest.fixture(scope="module")
def small() -> np.ndarray:
    return np.asarray(Image.fromarray(data.astronaut()).resize((48, 32), Image.Resampling.BICUBIC))


def test_they_are_what_their_packages_make(small: np.ndarray) -> None:
    assert blurhash(small, 4, 3) == "LQI;0N[VM|tR.m9[RlxaOrXSRjIo"
    assert thumbhash(small).hex() == "dc480a15886968854f876687567879755f22f62764"


def test_what_they_show(small: np.ndarray) -> None:
    # Of the package: its first two pixels and its last.
    shown = unblurred("LQI;0N[VM|tR.m9[RlxaOrXSRjIo", 32, 48)
    assert shown[0, :2].tolist() == [[163, 154, 152], [163, 154, 152]]
    assert shown[-1, -1].tolist() == [80, 51, 42]
    mean = small.reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(unthumbed(thumbhash(small), 32, 48).reshape(-1, 3).mean(axis=0), mean, atol=4)


def test_the_largest_grid_that_fits() -> None:
    assert [largest_grid(limit) for limit in (5, 6, 28, 150, 166, 600)] == [
        None,
        (1, 1),
        (4, 3),
        (9, 8),
        (9, 9),
        (9, 9),
    ]


@pytest.mark.parametrize(
    ("name", "limit", "size"), [("blurhash", 100, 100), ("thumbhash", 100, 21), ("thumbhash", 20, 0)]
)
def test_rows_of_them(small: np.ndarray, name: str, limit: int, size: int) -> None:
    found = [sample.size for sample in pick_rows(name, 5, "photo")[name].open(small).samples(limit)]
    assert found == ([size] if size else [])
    for sample in pick_rows(name, 5, "photo")[name].open(small[..., 1]).samples(limit):
        assert sample.picture.shape == small.shape[:2]
