"""The search over scales, codecs, chroma and networks: what it finds, and what it spends."""

import math
from statistics import mean

import numpy as np
import pytest

from lightning_dlic.codec import base_codec
from lightning_dlic.pipeline.budget import Rate, approach
from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.plan import find_pipeline
from lightning_dlic.pipeline.search import Search
from lightning_dlic.pipeline.settings import Settings
from lightning_dlic.pipeline.source import Source


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[40:232, 100:356])


@pytest.mark.parametrize(
    ("whole", "start", "nearest"), [(True, 10.0, 0.97), (False, 10.0, 0.97), (True, 45.0, 0.97), (False, 2.0, 0.97)]
)
def test_a_limit_is_approached_in_few_encodings(whole: bool, start: float, nearest: float) -> None:
    asked: list[float] = []

    def size(quality: float) -> int:
        asked.append(quality)
        return round(100 * 2 ** (quality / 5.3) * (1 + 0.01 * math.sin(40 * quality)))

    found = approach(size, 52, 2000, Rate(start, 7.0, 8, 0.0145, whole=whole))
    fits = max(size(quality) for quality, excess in found.items() if excess <= 0)
    assert nearest * 2000 <= fits <= 2000
    assert len(found) <= 8
    assert not whole or asked[0] == round(asked[0])


def test_nothing_fits_where_the_coarsest_does_not() -> None:
    found = approach(lambda quality: 500 + round(quality), 52, 400, Rate(30.0, 5.0, 3, 0.0145))
    assert found[0.0] > 0
    assert min(found.values()) > 0


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["hevc", "avif", "webp", "vvc"])
def test_files_are_filled(photo: np.ndarray, codec: str) -> None:
    if base_codec(codec).missing():
        pytest.skip(f"{codec} cannot encode here")
    unused = []
    for limit in (700, 1100, 1900, 2600):
        made = compress(photo, bytes=limit, codec=codec, scale=2, pipeline="bicubic")
        assert len(made.data) <= limit
        # Nothing of it is padding: a file cut short is another, or none.
        assert decompress(made.data).shape == photo.shape
        unused.append(1 - len(made.data) / limit)
    assert mean(unused) <= 0.015


@pytest.mark.slow
def test_three_bytes_in_a_hundred_are_worth_something(photo: np.ndarray) -> None:
    limits = (600, 1000, 1400, 2200, 3000)

    def score(limit: int) -> float:
        return compress(photo, bytes=limit, codec="hevc", scale=2, pipeline="bicubic").score

    scores = {share: mean(score(round(share * limit)) for limit in limits) for share in (0.97, 1.0)}
    assert scores[0.97] < scores[1.0]


# docs/codec.md states these: encodings, and pictures that networks make, at an effort.
@pytest.mark.slow
@pytest.mark.parametrize(("effort", "encodings", "pictures"), [(1, 24, 6), (5, 26, 10)])
def test_what_a_search_spends(photo: np.ndarray, effort: int, encodings: int, pictures: int) -> None:
    pytest.importorskip("torch")
    settings = Settings(effort=effort, pipeline=find_pipeline("photo"))
    search = Search(Source(photo), settings, "color", "auto")
    best = search.within(1000)
    assert best.size <= 1000
    assert 0 < search.spent.encodings <= encodings
    assert 0 < search.spent.net_pixels <= pictures * photo.shape[0] * photo.shape[1]
    assert set(search.spent.seconds) == {"base encodings", "networks", "hints", "scoring"}


@pytest.mark.slow
def test_what_is_scored_is_what_is_decoded(photo: np.ndarray) -> None:
    pytest.importorskip("torch")
    from lightning_dlic.pipeline.scorers import scorer

    made = compress(photo, bytes=900, effort=3, pipeline="photo", hints="auto")
    again = scorer(Source(photo), made.metric)(decompress(made.data, strict=True))
    assert again == pytest.approx(made.score, abs=2e-3)


@pytest.mark.slow
def test_the_default_pipeline_takes_hints_where_they_score_better(photo: np.ndarray) -> None:
    pytest.importorskip("torch")
    made = compress(photo, bytes=400, effort=1)
    base = compress(photo, bytes=400, effort=1, hints="base", metric="color")
    assert made.metric == "color"
    assert made.score >= base.score
    # One thread makes the same file; a quality leaves no room for hints, and is none to hints.
    assert compress(photo, bytes=400, effort=1, threads=1).data == made.data
    assert compress(photo, quality=20, effort=1).metric == "ssim"
