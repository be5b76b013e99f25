"""The search over codecs and scales: what it spends on whom."""

import numpy as np
import pytest

from lightning_dlic.pipeline.measures import psnr
from lightning_dlic.pipeline.plan import Pipeline, find_pipeline
from lightning_dlic.pipeline.search import Search, Settings, usable_codecs
from lightning_dlic.pipeline.source import Source

LIMIT = 900


@pytest.fixture(scope="module")
def gray() -> np.ndarray:
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[40:168, 100:260, 1])


def searched(gray: np.ndarray, pipeline: Pipeline, effort: int, codec: str = "auto") -> Search:
    settings = Settings(codec=codec, scales=(2,), effort=effort, pipeline=pipeline)
    return Search(Source(gray), settings, lambda picture: psnr(picture, gray))


def test_at_low_efforts_the_network_enlarges_for_the_best_codec_beside_the_scout(gray: np.ndarray) -> None:
    pytest.importorskip("torch")
    photo, plain = find_pipeline("photo"), Pipeline("bicubic")
    scout, *others = usable_codecs(Settings(effort=5))
    if len(others) < 2:
        pytest.skip("too few base codecs are installed")
    enlarged = searched(gray, photo, 5).all_within(LIMIT)
    alone = {name: searched(gray, plain, 5, name).within(LIMIT).score for name in others}
    # Of the others there is only the best; what it scores is the network's doing.
    assert [candidate.stream.codec for candidate in enlarged] == [scout, max(alone, key=alone.__getitem__)]
    assert enlarged[1].stream.pipeline is not None
    assert enlarged[1].score > max(alone.values())


def test_at_high_efforts_it_enlarges_for_every_codec(gray: np.ndarray) -> None:
    pytest.importorskip("torch")
    found = searched(gray, find_pipeline("photo"), 6).all_within(LIMIT)
    assert {candidate.stream.codec for candidate in found} == set(usable_codecs(Settings(effort=6)))
