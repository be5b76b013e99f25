"""Metrics by name on single pictures: ours under the protocol, anybody's as they come."""

import math

import pytest
import torch
import torchmetrics
from skimage import data
from torch import nn

from dlic_registry import DlicError, local, register
from lightning_dlic.metrics.named import NamedMetric, figures, open_metrics
from lightning_dlic.metrics.protocol import score


@pytest.fixture
def pair():
    target = torch.from_numpy(data.chelsea()[:192, :200].copy()).permute(2, 0, 1)[None]
    noise = torch.randn(target.shape, generator=torch.Generator().manual_seed(0)) * 9
    return (target + noise).round().clamp(0, 255).to(torch.uint8), target


@pytest.fixture
def own(monkeypatch):
    """Registers metrics for this test alone."""
    monkeypatch.setattr(local, "CLASSES", dict(local.CLASSES))
    return lambda name, cls: register("metric", name)(cls)


def test_ours_are_those_of_the_protocol(pair):
    names = ("psnr_y", "psnr_rgb", "ssim_y", "ssim_rgb")
    assert figures(open_metrics(names), *pair, border=3) == pytest.approx(score(*pair, 3), abs=1e-12)
    (ms_ssim,) = open_metrics(["ms_ssim"])
    assert ms_ssim(*pair, border=30) == ms_ssim(*pair)
    tiny = [picture[..., :10, :] for picture in pair]
    grey = [picture[:, :1] for picture in pair]
    assert list(figures(open_metrics(names), *tiny)) == ["psnr_y", "psnr_rgb"]
    assert list(figures(open_metrics(names), *grey)) == ["psnr_y", "ssim_y"]


class _Mean(nn.Module):
    """Distance of the means."""

    higher_is_better = False

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, output, target):
        assert (output.max(), target.min()) <= (1, 1)
        return self.factor * (output.mean() - target.mean()).abs()


def test_any_module_will_do(own, pair):
    own("distance", _Mean)
    plain, ten = open_metrics({"distance": {}}) + open_metrics({"distance": {"factor": 10.0}})
    assert (plain.title, plain.higher_is_better) == ("DISTANCE", False)
    assert 0 < plain(*pair) * 10 == pytest.approx(ten(*pair))


def test_what_keeps_all_it_has_seen_is_emptied(own, pair):
    own("tm_psnr", type("TM", (torchmetrics.image.PeakSignalNoiseRatio,), {}))
    metric = NamedMetric("tm_psnr", data_range=1.0)
    first = metric(*pair)
    assert first == pytest.approx(score(*pair, 0)["psnr_rgb"], abs=1e-4)
    metric(pair[1], pair[1])
    assert metric(*pair) == first


def test_failures_are_a_sentence(own, pair):
    own("distance", _Mean)
    for make, message in (
        (lambda: NamedMetric("distanc"), "Did you mean 'distance'"),
        (lambda: NamedMetric("distance", factr=2), "metric 'distance': .*factr"),
    ):
        with pytest.raises(DlicError, match=message):
            make()
    with pytest.raises(DlicError, match=r"metric 'distance' fails on a picture of \(1, 3, 192, 200\): only"):
        NamedMetric("distance", factor="x")(*pair)


def test_a_psnr_counts_as_100_db_at_most(pair):
    from dlic_registry import load

    metric = load("metric", "psnr_rgb")()
    metric(pair[1], pair[1])
    assert metric.compute() == 100.0
    assert math.isinf(NamedMetric("psnr_rgb")(pair[1], pair[1]))
