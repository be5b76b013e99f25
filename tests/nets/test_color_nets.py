"""Networks for colour and the floors below them."""

from pathlib import Path

import pytest
import torch

from dlic_registry import load
from lightning_dlic.imaging.bins import ab_bins, nearest_bin
from lightning_dlic.imaging.chroma import SPACES
from lightning_dlic.nets.colorization.base import ColorNet
from lightning_dlic.zoo import load_net, save_net

SMALL = {
    "multihypothesis_compact": {"branches": 3, "widths": [8, 8, 8], "blocks": 1},
    "colorful_compact": {"widths": [8, 8], "blocks": 1},
    "colorful": {"width": 4},
    "color_flat": {},
    "color_guided": {},
    "color_mean": {},
}


def _build(name: str) -> ColorNet:
    torch.manual_seed(0)
    net = load("net", name)(**SMALL[name])
    assert isinstance(net, ColorNet)
    return net.eval()


def _hints(color: tuple[float, float], height: int, width: int) -> torch.Tensor:
    return torch.tensor([*color, 1.0, 0.25, 0.25, 1.0]).view(1, 6, 1, 1).expand(1, 6, height, width).contiguous()


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(37, 53), (1, 1), (64, 32)])
@torch.inference_mode()
def test_any_size_with_and_without_hints(name: str, size: tuple[int, int]) -> None:
    net, luma = _build(name), torch.rand(1, 1, *size)
    assert net.space in SPACES
    for hints in (None, _hints((0.1, -0.2), *size)):
        maps = net.hypotheses(luma, hints)
        assert maps.shape == (1, net.branches, 2, *size)
        torch.testing.assert_close(maps[:, 0], net(luma, hints))
        assert maps.isfinite().all()


@pytest.mark.parametrize("name", SMALL)
@torch.inference_mode()
def test_hints_count_where_it_takes_them(name: str) -> None:
    net, luma = _build(name), torch.rand(1, 1, 40, 48)
    hinted = net(luma, _hints((0.2, -0.1), 40, 48))
    assert torch.equal(hinted, net(luma, None)) != net.takes_hints
    if net.takes_hints:
        # Even before training a colour known everywhere comes out about as it went in.
        torch.testing.assert_close(hinted.mean((0, 2, 3)), torch.tensor([0.2, -0.1]), atol=0.05, rtol=0)


@torch.inference_mode()
def test_floors() -> None:
    luma = torch.full((1, 1, 32, 32), 0.3)
    luma[..., 16:] = 0.7
    hints = torch.where(luma > 0.5, _hints((0.3, 0.1), 32, 32), _hints((-0.1, 0.1), 32, 32))
    flat, mean, guided = (_build(f"color_{name}")(luma, hints) for name in ("flat", "mean", "guided"))
    assert torch.equal(flat, hints[:, :2])
    torch.testing.assert_close(mean, _hints((0.1, 0.1), 32, 32)[:, :2])
    torch.testing.assert_close(guided, flat, atol=0.02, rtol=0)
    half = hints.clone()
    half[..., 16:, :] = 0
    torch.testing.assert_close(_build("color_flat")(luma, half)[..., 16:, :], mean[..., 16:, :])


@torch.inference_mode()
def test_temperature_and_rebalancing() -> None:
    net = _build("colorful_compact")
    luma = torch.rand(1, 1, 32, 32)
    # A network that has learned just the prior: mostly grey, some orange.
    net.prior.copy_(torch.softmax(-ab_bins().norm(dim=1) / 8, dim=0))
    net.prior[nearest_bin(torch.tensor([30.0, 60.0]).view(1, 2, 1, 1))] += 0.05
    net.prior /= net.prior.sum()
    net.classifier.weight.zero_()
    net.classifier.bias.copy_(net.prior.log())

    def orange(temperature: float, rebalance: float | None) -> float:
        net.temperature, net.rebalance = temperature, rebalance
        return float(net(luma).norm(dim=1).mean())

    mean, mode, rebalanced = orange(1.0, None), orange(0.1, None), orange(1.0, 0.1)
    assert mode < 0.2 * mean
    assert rebalanced > 1.02 * mean
    expected = (net.prior @ ab_bins()).norm()
    assert mean == pytest.approx(float(expected), abs=0.01)


def test_weights_files_carry_the_prior(tmp_path: Path) -> None:
    net = _build("colorful_compact")
    net.prior.copy_(torch.softmax(torch.arange(261.0), 0))
    record = {"name": "colorful_compact", "args": {**SMALL["colorful_compact"], "temperature": 0.5}}
    save_net(tmp_path / "net.safetensors", net, {"kind": "colorization", "net": record})
    again, _ = load_net(tmp_path / "net.safetensors")
    assert torch.equal(again.prior, net.prior)
    assert again.temperature == 0.5


def test_sizes_of_the_networks_as_published() -> None:
    with torch.device("meta"):
        sizes = {name: sum(p.numel() for p in load("net", name)().parameters()) for name in SMALL}
    assert 31e6 < sizes["colorful"] < 33e6
    assert sizes["colorful_compact"] <= 2e6
    assert 2 * sizes["multihypothesis_compact"] <= 4.9e6  # it ships in half precision


def test_values_out_of_range() -> None:
    with pytest.raises(ValueError, match="branches"):
        load("net", "multihypothesis_compact")(branches=0)
    with pytest.raises(ValueError, match="temperature"):
        load("net", "colorful_compact")(temperature=0.0)
    with pytest.raises(ValueError, match="rebalance"):
        load("net", "colorful_compact")(rebalance=2.0)
