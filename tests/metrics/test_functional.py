"""PSNR, SSIM and MS-SSIM against other implementations and against what must hold."""

import math

import numpy as np
import pytest
import torch
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch.nn import functional as F

from lightning_dlic.metrics import functional
from lightning_dlic.metrics.functional import ms_ssim, psnr, ssim


@pytest.fixture(scope="module")
def pair():
    """A photograph and a noisy copy, uint8 [1, 3, 300, 400]."""
    picture = torch.from_numpy(data.coffee()[:300, :400].copy()).permute(2, 0, 1)[None]
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0)) * 12
    return picture, (picture + noise).round().clamp(0, 255).to(torch.uint8)


def _hwc(picture):
    return picture[0].permute(1, 2, 0).numpy()


def test_psnr_is_scikit_images(pair):
    x, y = pair
    assert psnr(x, y) == pytest.approx(peak_signal_noise_ratio(_hwc(x), _hwc(y)), abs=1e-9)


def test_ssim_is_scikit_images_over_whole_windows(pair):
    x, y = pair
    _, full = structural_similarity(
        *(_hwc(p).astype(np.float64) for p in (x, y)),
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        full=True,
    )
    assert ssim(x, y) == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-9)


def test_blocks_change_nothing(pair, monkeypatch):
    whole = psnr(*pair), ssim(*pair)
    monkeypatch.setattr(functional, "_BLOCK", 37)
    assert (psnr(*pair), ssim(*pair)) == pytest.approx(whole, abs=1e-11)


def test_equal_pictures(pair):
    x, _ = pair
    assert math.isinf(psnr(x, x))
    assert ssim(x, x) == pytest.approx(1.0)
    assert ms_ssim(x, x) == pytest.approx(1.0)


@pytest.mark.slow
def test_ms_ssim_is_the_weighted_product_of_its_scales(pair):
    x, y = (p[:, :1].double() for p in pair)
    expected = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        full = ssim(x, y)
        if scale < 4:
            # The contrast part alone: SSIM's luminance term divided out window by window.
            expected *= _contrast(x, y) ** weight
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
        else:
            expected *= full**weight
    assert ms_ssim(*(p[:, :1] for p in pair)) == pytest.approx(expected, abs=1e-9)


def _contrast(x, y):
    offset = torch.arange(11, dtype=torch.float64) - 5
    window = torch.exp(-(offset**2) / 4.5)
    window = torch.outer(window, window) / window.sum() ** 2

    def mean(z):
        return F.conv2d(z, window[None, None])

    covariance = mean(x * y) - mean(x) * mean(y)
    variances = mean(x * x) - mean(x) ** 2 + mean(y * y) - mean(y) ** 2
    c2 = (0.03 * 255) ** 2
    return ((2 * covariance + c2) / (variances + c2)).mean().item()


def test_more_noise_scores_lower(pair):
    x, y = pair
    worse = (y.int() + (y.int() - x.int())).clamp(0, 255).to(torch.uint8)
    for metric in (psnr, ssim, ms_ssim):
        assert metric(x, worse) < metric(x, y)


@pytest.mark.parametrize(
    ("metric", "shapes", "message"),
    [
        (psnr, ((1, 3, 8, 8), (1, 3, 8, 9)), "differ in shape"),
        (psnr, ((2, 3, 8, 8), (2, 3, 8, 8)), "one picture"),
        (ssim, ((1, 1, 10, 40), (1, 1, 10, 40)), "at least 11"),
        (ms_ssim, ((1, 1, 175, 400), (1, 1, 175, 400)), "at least 176"),
    ],
)
def test_what_cannot_be_scored(metric, shapes, message):
    with pytest.raises(ValueError, match=message):
        metric(*(torch.zeros(shape) for shape in shapes))
