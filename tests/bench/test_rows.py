"""A row of ours is what a user gets."""

import numpy as np
import pytest
from skimage import data

from lightning_dlic.bench.rows import pick_rows
from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decompress


@pytest.mark.slow
def test_a_pipeline_that_says_what_is_best_is_measured_by_the_file_that_compress_makes() -> None:
    picture = np.ascontiguousarray(data.astronaut()[:160, 100:260])
    session = pick_rows("ours:look", 1, "photo")["ours:look"].open(picture)
    (sample,) = session.samples(700)
    made = compress(picture, bytes=700, pipeline="look", effort=1)
    assert made.metric == "look"
    assert sample.size == len(made.data)
    assert np.array_equal(sample.picture, decompress(made.data))
    assert list(session.samples(8)) == []
