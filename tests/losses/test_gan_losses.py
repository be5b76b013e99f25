"""Losses that train a GAN and keep it in bounds."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from dlic_registry import DlicError, load
from lightning_dlic.frozen.vgg import FILE_16
from lightning_dlic.stages.terms import build_losses


def test_relativistic_sides_judge_pairs() -> None:
    real, made = torch.tensor([[2.0], [4.0]]), torch.tensor([[1.0], [-1.0]])
    # Jolicoeur-Martineau: the logarithms of sigmoids of each logit less the mean of the others.
    mean_real, mean_made = 3.0, 0.0
    expected = [
        -0.5 * (F.logsigmoid(one - mean_made).mean() + F.logsigmoid(mean_real - other).mean())
        for one, other in ((real, made),)
    ]
    averaged, paired = load("loss", "relativistic")(), load("loss", "relativistic")(paired=True)
    assert float(averaged.discriminator(real, made)) == pytest.approx(float(expected[0]))
    assert float(paired.discriminator(real, made)) == pytest.approx(float(-F.logsigmoid(real - made).mean()))
    for loss in (averaged, paired):
        assert loss.relative
        assert loss.generator(made, real) > loss.discriminator(real, made)
        assert loss.generator(real, made) == loss.discriminator(real, made)


def test_r1_is_the_squared_slope_at_real_pictures() -> None:
    weight = torch.randn(3, 8, 8)
    real = torch.rand(4, 3, 8, 8, requires_grad=True)
    scale = nn.Parameter(torch.tensor(3.0))
    logits = (scale * (real * weight).sum((1, 2, 3), keepdim=True),)
    loss = load("loss", "r1")(every=4)
    value = loss(logits, real)
    assert value.item() == pytest.approx(4 * 9 * float(weight.square().sum()), rel=1e-5)
    (slope,) = torch.autograd.grad(value, scale)
    assert float(slope) == pytest.approx(4 * 6 * float(weight.square().sum()), rel=1e-5)
    assert [batch for batch in range(9) if loss.due(batch)] == [0, 4, 8]


def test_feature_matching_is_the_mean_over_depths_and_moves_the_made_alone() -> None:
    made = [torch.ones(1, 2, 4, 4, requires_grad=True), torch.zeros(1, 4, 2, 2)]
    real = [torch.zeros(1, 2, 4, 4, requires_grad=True), torch.full((1, 4, 2, 2), 0.5)]
    value = load("loss", "feature_matching")()(made, real)
    value.backward()
    assert float(value) == pytest.approx((1.0 + 0.5) / 2)
    assert made[0].grad is not None
    assert real[0].grad is None


@pytest.mark.parametrize("name", ["feature_matching", "r1"])
def test_without_a_discriminator_there_is_nothing_to_look_into(name: str) -> None:
    with pytest.raises(DlicError, match=f"losses.{name}: .* with the term adversarial"):
        build_losses({"pixel": {"name": "l1"}, name: {"name": name}})


def test_wavelet_weighs_tone_and_texture_apart() -> None:
    target = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    shift = torch.full_like(target, 0.1)
    checks = 0.1 * ((torch.arange(32)[:, None] + torch.arange(32)) % 2 * 2.0 - 1.0).expand_as(target)
    default, tone = load("loss", "wavelet")(), load("loss", "wavelet")(low=1.0, details=(0.0, 0.0, 0.0), levels=2)
    assert float(default(target + shift, target)) == pytest.approx(0.1, rel=1e-4)
    assert float(tone(target + shift, target)) == pytest.approx(0.1, rel=1e-4)
    # A checkerboard changes along rows and along columns: the third band, of weight one half.
    assert float(default(target + checks, target)) == pytest.approx(0.05, rel=0.1)
    assert float(tone(target + checks, target)) < 0.005
    with pytest.raises(ValueError, match="three details"):
        load("loss", "wavelet")(details=[1.0])


def test_several_scales_see_a_shift_more_than_noise_of_the_same_size() -> None:
    torch.manual_seed(0)
    target = torch.rand(1, 3, 33, 40)
    noise = 0.1 * torch.randn_like(target).sign()
    loss = load("loss", "l1_scales")(scales=3, gain=2.0)
    assert float(loss(target + 0.1, target)) == pytest.approx(0.1, rel=1e-4)
    assert 0.1 / 7 < float(loss(target + noise, target)) < 0.06
    with pytest.raises(ValueError, match="scales"):
        load("loss", "l1_scales")(scales=0)


def test_ldl_finds_the_artefact_and_leaves_even_texture() -> None:
    torch.manual_seed(0)
    target = torch.rand(1, 3, 48, 48)
    even = 0.1 * torch.randn(1, 1, 48, 48).sign().expand(1, 3, 48, 48)
    lone = torch.zeros_like(even)
    lone[..., 10:12, 10:12] = even.abs().sum() / lone[..., 10:12, 10:12].numel()
    loss = load("loss", "ldl")()
    assert float(loss(target + lone, target)) > 20 * float(loss(target + even, target))
    places = loss.map(lone)[0, 0]
    assert float(places[4:18, 4:18].sum()) > 0.99 * float(places.sum())
    # Where a steadier picture is no better, nothing is an artefact.
    assert float(loss(target + lone, target, reference=target + 2 * lone)) == 0
    assert float(loss(target + lone, target, reference=target)) == pytest.approx(
        float(loss(target + lone, target)), rel=1e-4
    )
    with pytest.raises(ValueError, match="window"):
        load("loss", "ldl")(window=4)


def test_lpips_vgg_is_that_of_the_authors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lpips = pytest.importorskip("lpips")
    from torchvision.models import vgg

    # Without the classifier, which takes ten seconds to draw and is thrown away.
    features = SimpleNamespace(features=vgg.make_layers(vgg.cfgs["D"]))
    monkeypatch.setattr(lpips.pretrained_networks.tv, "vgg16", lambda **_: features)
    torch.manual_seed(0)
    theirs = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False).eval()
    state = {
        name.partition(".")[2].partition(".")[2]: value
        for name, value in theirs.state_dict().items()
        if name.startswith("net.")
    }
    save_file({f"features.{name}": value.contiguous() for name, value in state.items()}, tmp_path / FILE_16)
    monkeypatch.setenv("DLIC_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("DLIC_DATA", str(tmp_path))
    ours = load("loss", "lpips_vgg")()
    x, y = torch.rand(2, 2, 3, 40, 48)
    with torch.no_grad():
        expected = theirs(x, y, normalize=True).mean()
    assert float(ours(x, y)) == pytest.approx(float(expected), rel=1e-4)
    x.requires_grad_()
    ours(x, x.detach()).backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_lpips_vgg_names_the_file_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DLIC_WEIGHTS", "DLIC_DATA", "TORCH_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(DlicError, match=f"VGG-16's weights .*\nPut {FILE_16} into the folder that DLIC_WEIGHTS"):
        load("loss", "lpips_vgg")()
