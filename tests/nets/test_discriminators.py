"""Networks that tell real pictures from made ones."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from dlic_registry import DlicError, load
from lightning_dlic.frozen.vgg import FILE, vgg_layers
from lightning_dlic.nets.discriminators.base import Discriminator

SMALL = {"layers": ["1_2", "2_2"], "width": 8}


@pytest.fixture
def vgg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    save_file({f"features.{k}": v.half() for k, v in vgg_layers(10).state_dict().items()}, tmp_path / FILE)
    monkeypatch.setenv("DLIC_WEIGHTS", str(tmp_path))


def _logits(net: Discriminator, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    found = net(x)
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize(
    ("name", "arguments", "shapes"),
    [
        ("srgan_discriminator", {"width": 8, "dense": 8}, [(2, 1)]),
        ("unet_sn", {"width": 8}, [(2, 1, 37, 44)]),
        ("unet_sn", {"width": 8, "conditions": 3}, [(2, 1, 37, 44)]),
        ("projected", SMALL, [(2, 1, 37, 44), (2, 1, 18, 22)]),
        ("projected", {**SMALL, "conditions": 3}, [(2, 1, 37, 44), (2, 1, 18, 22)]),
    ],
)
def test_each_judges_pictures_and_shows_what_it_saw(
    name: str, arguments: dict[str, object], shapes: list[tuple[int, ...]], vgg: None
) -> None:
    net = load("net", name)(**arguments).eval()
    x = torch.rand(2, 3, 37, 44, requires_grad=True)
    told = torch.rand(2, 3, 37, 44, requires_grad=True) if "conditions" in arguments else None
    logits, inside = net.judge(x, told)
    found = net(x, told)
    asked = found if isinstance(found, tuple) else (found,)
    assert [tuple(each.shape) for each in asked] == shapes
    assert all(
        torch.equal(a, b) for a, b in zip(asked, logits if isinstance(logits, tuple) else (logits,), strict=True)
    )
    assert len(inside) > 1
    torch.stack([each.mean() for each in asked]).sum().backward()
    # All counts: the condition, too.
    for given in (x, told) if told is not None else (x,):
        assert given.grad is not None
        assert (given.grad.abs().amax((0, 2, 3)) > 0).all()


@pytest.mark.parametrize("name", ["unet_sn", "projected"])
def test_it_learns_to_tell_a_blurred_picture(name: str, vgg: None) -> None:
    torch.manual_seed(1)
    net = load("net", name)(**(SMALL if name == "projected" else {"width": 8}))
    loss, optimizer = load("loss", "hinge")(), torch.optim.Adam(net.parameters(), 5e-3)
    for step in range(30):
        real = torch.rand(2, 3, 24, 24)
        made = F.avg_pool2d(real, 3, 1, 1)
        pairs = list(zip(_logits(net, real), _logits(net, made), strict=True))
        value = torch.stack([loss.discriminator(*pair) for pair in pairs]).mean()
        first = value.detach() if not step else first  # noqa: F821
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert float(value) < 0.7 * float(first)


def test_no_layer_of_unet_sn_but_its_ends_enlarges(vgg: None) -> None:
    net = load("net", "unet_sn")(width=8).train()
    for _ in range(20):
        net(torch.rand(1, 3, 16, 16))
    for layer in (*net.down, *net.up, *net.last):
        assert float(torch.linalg.matrix_norm(layer.weight.flatten(1), 2)) == pytest.approx(1.0, abs=0.05)


def test_projected_keeps_vgg_to_itself(vgg: None) -> None:
    net = load("net", "projected")(**SMALL)
    assert {name.partition(".")[0] for name in net.state_dict()} == {"heads"}
    assert sum(p.numel() for p in net.parameters()) < 10_000
    net(torch.rand(1, 3, 32, 32))[0].mean().backward()
    assert {name.partition(".")[0] for name in net.state_dict()} == {"heads"}
    assert all(p.grad is None for p in net._frozen[0].parameters())
    with pytest.raises(DlicError, match="order"):
        load("net", "projected")(layers=["2_2", "1_2"])
    with pytest.raises(ValueError, match="1 or 3"):
        load("net", "projected")(channels=2)
