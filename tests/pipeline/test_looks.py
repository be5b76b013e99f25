"""The search for looks: what its score sees, and what it chooses by it. No weights but the zoo's are needed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from skimage import data

from lightning_dlic.codec.container import ALPHA_CHUNK
from lightning_dlic.codec.networks import alpha_chunks, stream_alpha
from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.looks import look_distance


@pytest.fixture
def picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> np.ndarray:
    monkeypatch.delenv("DLIC_WEIGHTS", raising=False)
    monkeypatch.setenv("DLIC_DATA", str(tmp_path))
    return np.ascontiguousarray(data.astronaut()[40:168, 100:324])


def test_lost_texture_and_texture_from_nowhere_count(picture: np.ndarray) -> None:
    distance = look_distance(picture)
    assert distance(picture) == pytest.approx(0, abs=1e-6)
    blurred = np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(2)))
    # The same errors elsewhere: what the blur took, put back mirrored, keeps the contrast.
    lost = picture.astype(int) - blurred
    textured = np.clip(blurred + lost[:, ::-1], 0, 255).astype(np.uint8)
    assert distance(blurred) > distance(np.clip(picture + 3 * np.sign(lost), 0, 255).astype(np.uint8))
    smooth = np.full_like(picture, 128)
    noise = np.clip(smooth + np.random.default_rng(0).normal(0, 12, picture.shape), 0, 255).astype(np.uint8)
    assert look_distance(smooth)(noise) > look_distance(noise)(noise)
    gray = picture[..., 1]
    assert look_distance(gray)(textured[..., 1]) > 0


@pytest.mark.slow
def test_scale_and_alpha_are_what_looks_best(picture: np.ndarray) -> None:
    made = compress(picture, bytes=900, effort=1, codec="hevc", pipeline="look")
    assert (made.metric, made.stream.pipeline, len(made.data) <= 900) == ("look", 5, True)
    assert made.stream.scale in (2, 3, 4)
    distance = look_distance(picture)
    assert distance(decompress(made.data, strict=True)) == pytest.approx(made.score)
    rest = [chunk for chunk in made.stream.chunks if chunk.tag != ALPHA_CHUNK]
    others = [replace(made.stream, chunks=(*rest, *alpha_chunks(alpha))) for alpha in (0.0, 0.5, 1.0)]
    assert stream_alpha(made.stream) in {stream_alpha(other) for other in others}
    assert made.score == pytest.approx(min(distance(decompress(other.to_bytes())) for other in others))
    scale = 2 if made.stream.scale == 3 else 3
    assert compress(picture, bytes=900, effort=1, codec="hevc", pipeline="look", scale=scale).score >= made.score
