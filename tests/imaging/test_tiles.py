"""Tiles leave no seams: proven on real pictures, with every net, and by what one pixel less of halo does."""

import pytest
import torch
from skimage import data
from torch import Tensor, nn

from dlic_registry import load
from lightning_dlic.imaging.spans import spans
from lightning_dlic.imaging.tiles import enlarge, measure_halo, net_halo


def _net(name: str, scale: int, channels: int = 3, **arguments: int) -> nn.Module:
    torch.manual_seed(0)
    net = load("net", name)(scale=scale, channels=channels, **arguments)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            # Some start near a plain enlargement, which would hide what their convolutions reach.
            nn.init.kaiming_normal_(module.weight, a=0.1)
            module.weight.data.mul_(0.7)
    return net.eval()


NETS = {
    "compact": lambda scale: _net("compact", scale, width=16, blocks=3),
    "srresnet": lambda scale: _net("srresnet", scale, width=16, blocks=3),
    "srcnn": lambda scale: _net("srcnn", scale),
}


@pytest.fixture(scope="module")
def photograph() -> Tensor:
    return torch.from_numpy(data.astronaut()[100:240, 50:253].copy()).permute(2, 0, 1)[None] / 255.0


@pytest.mark.slow
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", NETS)
def test_tiled_is_untiled(name: str, scale: int, photograph: Tensor) -> None:
    net = NETS[name](scale)
    halo = net_halo(net, 3)
    with torch.inference_mode():
        whole = net(photograph)
    tiled = enlarge(net, photograph, scale, halo=halo, tile=96)
    assert float((tiled - whole).abs().max()) <= 1e-5
    assert torch.equal((tiled * 255).round(), (whole * 255).round())


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_one_pixel_less_of_halo_shows(name: str, photograph: Tensor) -> None:
    # In double precision, where rounding is far below what a lost input pixel changes.
    net, picture = NETS[name](2).double(), photograph.double()
    halo = measure_halo(net, 3)
    assert halo is not None
    with torch.inference_mode():
        whole = net(picture)
    full, short = (enlarge(net, picture, 2, halo=reach, tile=40) for reach in (halo, halo - 1))
    assert float((full - whole).abs().max()) < 1e-11
    assert float((short - whole).abs().max()) > 1e-8


def test_what_compact_declares_is_what_is_measured() -> None:
    net = load("net", "compact")(scale=2, channels=1, width=8, blocks=4)
    assert measure_halo(net, 1) == net.halo == net_halo(net, 1)


def test_units_that_are_dead_today_count() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Conv2d(2, 1, 5, padding=2))
    nn.init.zeros_(net[2].weight)
    nn.init.constant_(net[0].bias, -1e6)
    assert measure_halo(net, 1) == 3
    assert not net[2].weight.any()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_halos_are_measured_in_any_mode(mode: type) -> None:
    with mode():
        net = load("net", "srcnn")(scale=2, channels=1)
        inside = measure_halo(net, 1)
    assert inside == measure_halo(load("net", "srcnn")(scale=2, channels=1), 1) == 5


def test_wide_and_high_kernels_are_both_seen() -> None:
    assert measure_halo(nn.Conv2d(1, 1, (1, 31), padding=(0, 15)), 1) == 15
    assert measure_halo(nn.Conv2d(1, 1, (31, 1), padding=(15, 0)), 1) == 15


class _Global(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x.mean((2, 3), keepdim=True)


def test_a_net_that_looks_at_everything_is_run_whole(photograph: Tensor) -> None:
    net = _Global()
    halo = net_halo(net, 3)
    assert halo is None
    assert torch.equal(enlarge(net, photograph, 1, halo=halo, tile=32), net(photograph))


@pytest.mark.parametrize("length", [1, 7, 64, 65, 100, 191])
@pytest.mark.parametrize("halo", [0, 3, 40])
def test_spans_keep_each_pixel_once_with_its_surroundings(length: int, halo: int) -> None:
    pieces = list(spans(length, halo, 32))
    kept = [i for piece in pieces for i in range(piece.keep.start, piece.keep.stop)]
    assert kept == list(range(length))
    assert len({piece.read.stop - piece.read.start for piece in pieces}) == 1
    for piece in pieces:
        assert 0 <= piece.read.start <= max(0, piece.keep.start - halo)
        assert length >= piece.read.stop >= min(length, piece.keep.stop + halo)


def test_pieces_are_prepared_and_finished_one_by_one() -> None:
    picture = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    seen, shares = [], []

    def prepare(part: Tensor) -> Tensor:
        seen.append(tuple(part.shape[-2:]))
        return part.float()

    result = enlarge(
        lambda part: part.repeat_interleave(2, -1).repeat_interleave(2, -2),
        picture,
        2,
        halo=1,
        prepare=prepare,
        finish=lambda part: part.to(torch.uint8),
        tile=6,
        progress=shares.append,
    )
    assert torch.equal(result, picture.repeat_interleave(2, -1).repeat_interleave(2, -2))
    assert set(seen) == {(8, 8)}
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_picture_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="no pixels"):
        enlarge(lambda part: part, torch.zeros(1, 1, 0, 4), 1, halo=0)
