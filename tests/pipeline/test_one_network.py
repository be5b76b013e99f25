"""The network that makes whole pictures, in files: luma and chroma at once, or under hints; told what to make up."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from lightning_dlic.cli.info import describe
from lightning_dlic.codec.networks import stream_alpha
from lightning_dlic.pipeline.compress import Compressed, compress
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.measures import psnr, ssim
from lightning_dlic.pipeline.plan import find_pipeline
from lightning_dlic.pipeline.source import Source

ALWAYS = find_pipeline("photo", ["always=true"])
SCRIPT = (
    "import sys; from lightning_dlic.pipeline.decompress import decompress;"
    "sys.stdout.buffer.write(decompress(sys.stdin.buffer.read(), strict=True).tobytes())"
)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[40:167, 100:331])


def colour_score(back: np.ndarray, picture: np.ndarray) -> float:
    """What the search of a pipeline with hints is best by: luma's SSIM and a hundredth of chroma's decibels."""
    planes, original = Source(back).planes, Source(picture).planes
    return ssim(planes[0], original[0]) + psnr(np.stack(planes[1:]), np.stack(original[1:])) / 100


def made(picture: np.ndarray, **asked: object) -> Compressed:
    return compress(picture, bytes=1000, effort=1, codec="hevc", pipeline=ALWAYS, **asked)


@pytest.mark.slow
def test_there_and_back_in_another_process_with_alpha_in_a_byte(picture: np.ndarray, tmp_path: Path) -> None:
    found = made(picture, scale=2, alpha=0.5)
    assert found.stream.pipeline == 4
    assert len(found.data) <= 1000
    here = decompress(found.data, strict=True)
    assert colour_score(here, picture) == pytest.approx(found.score)
    done = subprocess.run([sys.executable, "-c", SCRIPT], input=found.data, capture_output=True, check=True)
    there = np.frombuffer(done.stdout, np.uint8).reshape(picture.shape)
    assert np.abs(there.astype(int) - here).max() <= 1
    file = tmp_path / "a.dlic"
    file.write_bytes(found.data)
    assert describe(str(file))["alpha"] == stream_alpha(found.stream) == 128 / 255
    faithful = made(picture, scale=2, hints="base")
    assert stream_alpha(faithful.stream) == 0
    assert not faithful.stream.chunks


@pytest.mark.slow
def test_scales_that_it_lacks_are_interpolated(picture: np.ndarray) -> None:
    assert made(picture, scale=3).stream.pipeline == 4
    assert made(picture, scale=6).stream.pipeline is None


def test_grey_pictures_are_made_by_it_too(picture: np.ndarray) -> None:
    gray = np.ascontiguousarray(picture[..., 1])
    found = made(gray, scale=2)
    assert found.stream.pipeline == 4
    back = decompress(found.data, strict=True)
    assert ssim(back, gray) == pytest.approx(found.score)
    with pytest.warns(UserWarning, match="on which networks run"):
        assert not np.array_equal(back, decompress(found.data, max_net_pixels=0))


def test_colour_by_hints_comes_through_it_or_through_their_own_network(picture: np.ndarray) -> None:
    found = made(picture, scale=2, hints="segmentation,80")
    assert found.stream.pipeline == 4
    back = decompress(found.data, strict=True)
    assert back.shape == picture.shape
    assert psnr(back, picture) > 22
    assert colour_score(back, picture) == pytest.approx(found.score)
