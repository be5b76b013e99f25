import pytest
import torch

from dlic_registry import load
from lightning_dlic.nets.discriminators.srgan import SRGANDiscriminator
from lightning_dlic.nets.srcnn import SRCNNNet
from lightning_dlic.nets.srresnet import SRResNetNet

NETS = ["srcnn", "srresnet", "compact", "rescaler"]


def count(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_net_enlarges_any_size_by_its_scale(name: str, scale: int, channels: int) -> None:
    net = load("net", name)(scale=scale, channels=channels)
    assert net(torch.rand(2, channels, 7, 5)).shape == (2, channels, 7 * scale, 5 * scale)


@pytest.mark.parametrize("name", ["srcnn", "compact", "rescaler"])
def test_an_untrained_net_starts_near_a_plain_enlargement(name: str) -> None:
    torch.manual_seed(0)
    net = load("net", name)(scale=4, channels=1)
    flat = torch.full((1, 1, 24, 24), 0.5)
    assert float((net(flat) - 0.5).abs().max()) < 0.2


def test_sizes_are_the_papers() -> None:
    assert count(SRCNNNet(channels=1, middle=1)) == 8129
    assert count(SRCNNNet(channels=1, middle=5)) == 57281
    assert 1.50e6 < count(SRResNetNet()) < 1.56e6


def test_compact_keeps_within_half_a_million_parameters_at_any_scale() -> None:
    for scale in (2, 3, 4):
        assert count(load("net", "compact")(scale=scale)) <= 500_000


@pytest.mark.slow
def test_compacts_halo_is_just_what_an_output_pixel_sees() -> None:
    torch.manual_seed(0)
    net = load("net", "compact")(scale=2, channels=1).double()
    picture = torch.rand(1, 1, 80, 80, dtype=torch.float64, requires_grad=True)
    net(picture)[..., 80, 80].sum().backward()
    assert picture.grad is not None
    seen = picture.grad[0, 0].abs().amax(1).nonzero().flatten()
    assert (int(seen.min()), int(seen.max())) == (40 - net.halo, 40 + net.halo)


@pytest.mark.parametrize("side", [16, 33, 96, 128])
def test_the_discriminator_takes_any_crop(side: int) -> None:
    assert SRGANDiscriminator(width=8, dense=16)(torch.rand(2, 3, side, side)).shape == (2, 1)


def test_the_discriminator_is_the_papers_at_96() -> None:
    net = SRGANDiscriminator()
    features = net.features(torch.rand(1, 3, 96, 96))
    assert features.shape == (1, 512, 6, 6)
    assert torch.equal(net.pool(features), features)


@pytest.mark.parametrize(
    ("name", "arguments"), [("srcnn", {"middle": 4}), ("srresnet", {"scale": 5}), ("compact", {"scale": 0})]
)
def test_impossible_nets_are_refused(name: str, arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        load("net", name)(**arguments)
