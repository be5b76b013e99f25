"""LPIPS: the authors' own example, and what happens without weights."""

import numpy as np
import pytest
import torch
from PIL import Image
from real_data import real_data

from dlic_registry import DlicError, load
from lightning_dlic.frozen.alexnet import FILE as BACKBONE
from lightning_dlic.frozen.lpips_heads import FILE as HEADS
from lightning_dlic.metrics.perceptual import LPIPS


@pytest.fixture
def weights(monkeypatch):
    folder = real_data(f"weights/{BACKBONE}").parent
    monkeypatch.setenv("DLIC_WEIGHTS", str(folder))
    return folder


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """A proxy that nobody serves, so that a download fails at once."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)


def _read(path):
    return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None]


def test_the_authors_example(weights):
    reference, first, second = (_read(weights / "lpips_example" / f"ex_{name}.png") for name in ("ref", "p0", "p1"))
    metric = load("metric", "lpips")()
    assert metric(reference, first).item() == pytest.approx(0.7219, abs=0.0005)
    assert metric(reference, second).item() == pytest.approx(0.1376, abs=0.0005)
    assert metric.compute() == pytest.approx((0.7219 + 0.1376) / 2, abs=0.0005)
    assert metric.state_dict() == {}


def test_a_batch_gives_each_picture_its_own_distance(weights):
    reference, first, second = (_read(weights / "lpips_example" / f"ex_{n}.png") / 255.0 for n in ("ref", "p0", "p1"))
    network = LPIPS()
    both = network(reference.expand(2, -1, -1, -1), torch.cat((first, second)))
    assert both.tolist() == pytest.approx([0.7219, 0.1376], abs=0.0005)
    assert network(reference, reference).item() == 0.0


def test_heads_of_the_package_serve_where_no_file_is_given(weights, monkeypatch, tmp_path):
    (tmp_path / BACKBONE).symlink_to(weights / BACKBONE)
    monkeypatch.setenv("DLIC_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("DLIC_DATA", str(tmp_path))
    reference, second = (_read(weights / "lpips_example" / f"ex_{name}.png") / 255.0 for name in ("ref", "p1"))
    assert not (tmp_path / HEADS).exists()
    assert LPIPS()(reference, second).item() == pytest.approx(0.1376, abs=0.0005)


def test_without_weights_it_says_which_file_goes_where(no_network, monkeypatch, tmp_path):
    monkeypatch.setenv("DLIC_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("DLIC_DATA", str(tmp_path))
    with pytest.raises(DlicError, match=f"Put {BACKBONE} into the folder that DLIC_WEIGHTS names"):
        load("metric", "lpips")()
