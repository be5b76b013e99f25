"""Sums over large pictures of full contrast: nothing overflows, wraps around or saturates."""

import math

import numpy as np
import pytest
import torch

from lightning_dlic.codec.hints.aim import Aim
from lightning_dlic.codec.hints.regions import arrange, guide, places
from lightning_dlic.codec.hints.segmentation import Segmentation
from lightning_dlic.codec.hints.spread import Spread
from lightning_dlic.imaging.color import luma_uint8
from lightning_dlic.imaging.numpy.color import luma, merge, split
from lightning_dlic.imaging.numpy.resize import enlarge, shrink
from lightning_dlic.imaging.superpixels import MAX_PIXELS, slic
from lightning_dlic.metrics import functional
from lightning_dlic.pipeline.measures import psnr, psnr_chroma, ssim

SIDE = 1100
"""More than a million samples: past 2^16, 2^19 and 2^20, at which sums of squares of various widths overflow."""


def full(value: int, *shape: int) -> np.ndarray:
    return np.full(shape or (SIDE, SIDE), value, np.uint8)


@pytest.mark.parametrize("difference", [1, 63, 64, 91, 128, 181, 255])
@pytest.mark.parametrize("shape", [(SIDE, SIDE), (1 << 19,), (1 << 19 | 1,), (SIDE, 500, 3)])
def test_psnr_of_any_difference(difference: int, shape: tuple[int, ...]) -> None:
    white, wanted = full(255, *shape), 20 * math.log10(255 / difference)
    assert psnr(white, white - np.uint8(difference)) == pytest.approx(wanted)
    assert psnr(white - np.uint8(difference), white) == pytest.approx(wanted)
    if difference == 255:
        assert psnr_chroma((white, white, white), (white, 0 * white, white)) == pytest.approx(10 * math.log10(2))


def test_half_a_picture_wrong() -> None:
    black = full(0, 2 * SIDE, SIDE)
    half = black.copy()
    half[:SIDE] = 255
    assert psnr(black, half) == pytest.approx(10 * math.log10(2))
    pictures = [torch.from_numpy(plane)[None, None] for plane in (black, half)]
    assert functional.psnr(*pictures) == pytest.approx(10 * math.log10(2))
    # Where the edge is not, the one half counts 1 and the other next to nothing.
    assert ssim(black, half) == pytest.approx(functional.ssim(*pictures), abs=1e-4)
    assert ssim(black, half) == pytest.approx(0.5, abs=0.02)


def test_colors_and_sizes_keep_white_white() -> None:
    white = full(255, SIDE, SIDE, 3)
    assert (luma(white) == 255).all()
    assert (luma_uint8(torch.from_numpy(white).permute(2, 0, 1)) == 255).all()
    assert (merge(*split(white)) == 255).all()
    for factor in (2, 3, 16):
        small = shrink(white[..., 0], factor)
        assert (small == 255).all()
        assert (enlarge(small, factor, SIDE, SIDE) == 255).all()


def test_regions_of_large_pictures() -> None:
    """Means and variances of one region that is everything, on a picture that is half black and half white."""
    base = full(0, 2048, 2048)
    base[:, 1::2] = 255
    assert (guide(base) == 128).all()
    luma = np.ascontiguousarray(base[:512, :512])
    ((row, column, tone, size, variance),) = places(luma, np.zeros(luma.shape, np.int32), 1)
    assert (row, column, tone, size) == (511 * 8, 511 * 8, 255 * 8, 1 << 18)
    assert variance == 255**2 // 4
    labels = Segmentation().labels(luma, 300)
    regions = arrange(luma, labels)
    assert (regions.weights >= 0).all()
    assert (regions.weights[1:, 0] > 0).all()
    assert (regions.spacing >= 0).all()
    assert np.isfinite(Spread(luma, 300)(luma.astype(np.float32))).all()
    chroma = np.full((2, 2048, 2048), -128, np.float32)
    assert (Aim.of(base, chroma).chroma == -128).all()


@pytest.mark.parametrize("shape", [(2048, 2048), (512, 8192)])
def test_superpixels_of_the_largest_pictures(shape: tuple[int, int]) -> None:
    """Black and white never share a region, wherever they lie."""
    assert math.prod(shape) == MAX_PIXELS
    picture = full(0, *shape)
    picture[:, shape[1] // 2 :] = 255
    labels = slic(picture, 64)
    left, right = (np.unique(part) for part in np.split(labels, 2, axis=1))
    assert not np.intersect1d(left, right).size
    assert 60 <= len(left) + len(right) <= 260
