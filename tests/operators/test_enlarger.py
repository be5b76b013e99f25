"""Networks and plain resizing behind one call."""

import math

import pytest
import torch
from skimage import data
from torch import Tensor, nn

from dlic_registry import DlicError, load
from lightning_dlic.imaging.color import luma, rgb_to_ycbcr
from lightning_dlic.imaging.finite import NotFiniteError
from lightning_dlic.imaging.resize import resize, resize_uint8
from lightning_dlic.operators.enlarger import KernelEnlarger, NetEnlarger, kernel_enlarger


def _enlarger(name: str = "compact", scale: int = 2, channels: int = 3, **arguments: int) -> NetEnlarger:
    torch.manual_seed(0)
    net = load("net", name)(scale=scale, channels=channels, **arguments)
    return NetEnlarger("it", net, {"kind": "sr", "scale": scale, "channels": channels})


@pytest.fixture(scope="module")
def photograph() -> Tensor:
    return torch.from_numpy(data.coffee()[:210, :330].copy()).permute(2, 0, 1)[None]


@pytest.mark.parametrize("kernel", ["bicubic", "nearest", "lanczos"])
@pytest.mark.parametrize("scale", [2, 3])
def test_baselines_are_matlabs_to_the_bit_across_tiles(kernel: str, scale: int, photograph: Tensor) -> None:
    expected = resize_uint8(photograph, scale=float(scale), kernel=kernel)
    assert torch.equal(KernelEnlarger(kernel, scale)(photograph), expected)


def test_sixteen_bits_stay_sixteen(photograph: Tensor) -> None:
    deep = (photograph.to(torch.int32) * 257).to(torch.uint16)
    made = KernelEnlarger("bicubic", 2)(deep)
    expected = resize(photograph.double() * 257, scale=2.0).round().clamp(0, 65535)
    assert made.dtype == torch.uint16
    assert float((made.double() - expected).abs().max()) <= 1
    assert len(made.to(torch.int32).unique()) > 256


def test_a_color_network_enlarges_grey_to_grey(photograph: Tensor) -> None:
    enlarger = _enlarger(width=8, blocks=1)
    grey = photograph[:, :1, :40, :40]
    made = enlarger(grey)
    triple = enlarger.net(grey.expand(-1, 3, -1, -1) / 255.0).detach()
    assert made.shape == (1, 1, 80, 80)
    assert float((made / 255.0 - luma(triple).clamp(0, 1)).abs().max()) <= 0.51 / 255


def test_a_luma_network_leaves_chroma_to_bicubic(photograph: Tensor) -> None:
    enlarger = _enlarger(channels=1, width=8, blocks=1)
    small = photograph[..., :50, :60] / 255.0
    made = rgb_to_ycbcr(enlarger.apply(small).detach())
    before = rgb_to_ycbcr(small)
    assert float((made[:, 1:] - resize(before[:, 1:], scale=2.0)).abs().max()) < 1e-5
    assert float((made[:, :1] - enlarger.net(before[:, :1]).detach()).abs().max()) < 1e-5


class _Broken(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.repeat_interleave(2, -1).repeat_interleave(2, -2) * math.inf


def test_what_is_no_color_is_an_error_and_no_black_picture() -> None:
    enlarger = NetEnlarger("it", _Broken(), {"kind": "sr", "scale": 2, "channels": 1})
    with pytest.raises(NotFiniteError):
        enlarger(torch.zeros(1, 1, 4, 4).byte())


def test_costs_are_counted() -> None:
    enlarger = _enlarger("srcnn", scale=4, channels=1)
    assert enlarger.parameters == 8129
    # 9x9x64 + 64x32 + 5x5x32, and the 25 of the bicubic enlargement.
    assert enlarger.kmacs() == pytest.approx((81 * 64 + 64 * 32 + 25 * 32 + 25) / 1000, rel=0.01)


@pytest.mark.parametrize("change", [{"scale": None}, {"scale": 0}, {"channels": 4}])
def test_other_networks_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(DlicError, match=r"it: .*not a network that enlarges"):
        NetEnlarger("it", nn.Identity(), {"kind": "sr", "scale": 2, "channels": 3, **change})


def test_an_unknown_baseline_suggests_the_nearest() -> None:
    with pytest.raises(DlicError, match=r"'bicubc'\. Did you mean 'bicubic'"):
        kernel_enlarger("bicubc", 4)
