"""Metrics under registered names."""

import pytest
import torch
from skimage import data

from dlic_registry import entries, load
from lightning_dlic.metrics.protocol import score


@pytest.fixture(scope="module")
def batch():
    picture = torch.from_numpy(data.chelsea()[:256, :384].copy()).permute(2, 0, 1)
    target = torch.stack((picture, picture.flip(-1)))
    noise = torch.randn(target.shape, generator=torch.Generator().manual_seed(0))
    output = (target / 255.0 + noise * torch.tensor([0.02, 0.08]).view(2, 1, 1, 1)).clamp(0, 1)
    return output, target


@pytest.mark.parametrize("name", ["psnr_y", "psnr_rgb", "ssim_y", "ssim_rgb"])
def test_running_mean_is_the_mean_of_the_pictures_scores(name, batch):
    output, target = batch
    metric = load("metric", name)(crop_border=4)
    each = [score(output[i : i + 1], target[i : i + 1], 4)[name] for i in range(2)]
    assert metric(output, target).item() == pytest.approx(sum(each) / 2, abs=1e-9)
    metric(output[:1], target[:1])
    assert metric.compute() == pytest.approx((2 * each[0] + each[1]) / 3, abs=1e-9)
    metric.reset()
    metric(output[1:], target[1:])
    assert metric.compute() == pytest.approx(each[1], abs=1e-9)


def test_state_stays_out_of_checkpoints(batch):
    metric = load("metric", "ms_ssim")()
    assert 0.5 < metric(*batch).item() < 1
    assert metric.state_dict() == {}


def test_all_metrics_are_registered():
    assert {"psnr_y", "psnr_rgb", "ssim_y", "ssim_rgb", "ms_ssim", "lpips"} <= {e.name for e in entries("metric")}
