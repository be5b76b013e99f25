"""A frozen network looks once at each picture of a batch, and what it saw means the same to all."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from dlic_registry import load
from lightning_dlic.frozen.memory import remembering
from lightning_dlic.frozen.vgg import FILE, VGG19, vgg_layers


@pytest.fixture(autouse=True)
def vgg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    save_file(vgg_layers(8).state_dict(), tmp_path / FILE)
    monkeypatch.setenv("DLIC_WEIGHTS", str(tmp_path))


class _Counted(VGG19):
    """Counts the slices that it runs."""

    looks = 0

    def normalised(self, picture: torch.Tensor) -> torch.Tensor:
        type(self).looks += 1
        return super().normalised(picture)


def test_what_shares_its_memory_is_looked_at_once() -> None:
    first, second = _Counted(8), _Counted(3)
    picture = torch.rand(1, 3, 16, 16, requires_grad=True)
    with remembering():
        deep = first.activations(picture, [4, 9])
        # Of another instance, of a view, of what is detached; the latter without the graph.
        shallow = second.activations(picture[..., :], [4])
        detached = first.activations(picture.detach(), [4, 9])
        assert _Counted.looks == 1
        assert shallow[0] is deep[0]
        assert [each.requires_grad for each in detached] == [False, False]
        assert all(map(torch.equal, deep, detached))
        # What is not the same: another picture, one changed in its place, one that now wants gradients.
        other = torch.rand(1, 3, 16, 16)
        first.activations(other, [4])
        other.add_(0.1)
        assert torch.equal(first.activations(other, [4])[0], first.layers[:4](first.normalised(other)))
        assert first.activations(other.requires_grad_(), [4])[0].requires_grad
    assert _Counted.looks == 5
    first.activations(picture, [4])
    assert _Counted.looks == 6


def test_losses_and_discriminator_have_the_same_values_and_gradients_either_way() -> None:
    loss, net = (
        load("loss", "lpips_vgg19")(layers=["1_2", "2_2"]),
        load("net", "projected")(layers=["1_2", "2_1"], width=8),
    )
    target = torch.rand(2, 3, 24, 24)

    def run() -> tuple[list[float], list[torch.Tensor]]:
        net.eval()
        made = torch.full((2, 3, 24, 24), 0.4) + 0.1 * target
        made.requires_grad_()
        value: Any = loss(made, target) + net(made)[0].mean()
        value.backward()
        told = net(made.detach())[1].square().mean() + net(target)[0].mean()
        net.zero_grad()
        told.backward()
        assert made.grad is not None
        return [value.item(), told.item()], [
            made.grad,
            *(p.grad.clone() for p in net.parameters() if p.grad is not None),
        ]

    plain = run()
    with remembering():
        remembered = run()
    assert plain[0] == pytest.approx(remembered[0], rel=1e-6)
    for one, other in zip(plain[1], remembered[1], strict=True):
        assert float((one - other).abs().max()) < 1e-5 * float(one.abs().max())
