from pathlib import Path
from typing import Any

import pytest
import torch
from real_data import real_data
from safetensors.torch import load_file, save_file

from dlic_registry import DlicError, load
from lightning_dlic.frozen.vgg import FILE, vgg_layers
from lightning_dlic.losses.lpips_vgg19 import LPIPSVGG19
from lightning_dlic.losses.perceptual import Perceptual
from lightning_dlic.recipe import load_recipe


@pytest.mark.parametrize("name", ["l1", "mse", "charbonnier"])
def test_pixel_losses_are_least_where_pictures_agree(name: str) -> None:
    loss = load("loss", name)()
    x = torch.rand(2, 3, 8, 8)
    assert float(loss(x, x)) < float(loss(x + 0.1, x)) < float(loss(x + 0.3, x))


def test_pixel_losses_have_their_textbook_values() -> None:
    x, y = torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.5)
    assert float(load("loss", "l1")()(x, y)) == 0.5
    assert float(load("loss", "mse")()(x, y)) == 0.25
    assert abs(float(load("loss", "charbonnier")(epsilon=0.0)(x, y)) - 0.5) < 1e-6


@pytest.mark.parametrize("name", ["bce", "hinge"])
def test_both_sides_of_a_gan_pull_apart(name: str) -> None:
    loss = load("loss", name)()
    believed, doubted = torch.full((4, 1), 3.0), torch.full((4, 1), -3.0)
    assert loss.generator(believed) < loss.generator(doubted)
    assert loss.discriminator(real=believed, fake=doubted) < loss.discriminator(real=doubted, fake=believed)


def vgg_file(folder: Path) -> None:
    torch.manual_seed(0)
    save_file({f"features.{k}": v.half() for k, v in vgg_layers(34).state_dict().items()}, folder / FILE)


def test_perceptual_reads_local_weights_and_keeps_them_frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vgg_file(tmp_path)
    monkeypatch.setenv("DLIC_WEIGHTS", str(tmp_path))
    loss = Perceptual(layer="2_2")
    picture = torch.rand(1, 3, 32, 32, requires_grad=True)
    target = torch.rand(1, 1, 32, 32)
    value = loss(picture, target)
    value.backward()
    assert float(value) > 0
    assert float(loss(picture, picture)) == 0
    assert picture.grad is not None
    assert float(picture.grad.abs().max()) > 0
    assert all(p.grad is None for p in loss.parameters())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "last", "factor"),
    [
        # Ledig et al.: VGG54 after its activation, 1 / 12.75 on features (".006"), 1e-3 on the adversarial loss.
        ("srgan_div2k", 36, 1.0 / 12.75**2),
        ("srgan_raise", 36, 1.0 / 12.75**2),
        ("srgan_faces", 36, 1.0 / 12.75**2),
        # What the zoo's networks were trained on.
        ("zoo/look_y_x2", 17, 5.0e-4 / 12.75**2),
        ("zoo/look_y_x4", 17, 5.0e-4 / 12.75**2),
        ("zoo/srgan_compact_x4", 17, 5.0e-4 / 12.75**2),
    ],
)
def test_recipes_weigh_the_features_that_they_name(
    recipe: str, last: int, factor: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.models.vgg import cfgs, make_layers

    vgg_file(tmp_path)
    monkeypatch.setenv("DLIC_WEIGHTS", str(tmp_path))
    spec = dict(load_recipe(recipe).losses["content"] or {})
    weight = spec.pop("weight")
    spec.pop("jitter", None)
    loss = load("loss", spec.pop("name"))(**spec)
    layers = make_layers(cfgs["E"])
    whole = {k.removeprefix("features."): v.float() for k, v in load_file(tmp_path / FILE).items()}
    layers.load_state_dict(whole)
    x, y = torch.rand(2, 1, 3, 16, 16)
    mean, std = torch.tensor([123.68, 116.779, 103.939]).view(1, 3, 1, 1), 1.0 / 255.0
    with torch.no_grad():
        features = [layers[:last]((picture - mean / 255.0) / std) for picture in (x, y)]
    expected = factor * float(torch.nn.functional.mse_loss(*features))
    assert float(weight * loss(x, y)) == pytest.approx(expected, rel=1e-4)


def test_the_lattice_of_a_pixel_shuffle_costs_more_than_noise_as_strong() -> None:
    torch.manual_seed(0)
    target = torch.rand(2, 3, 34, 41)
    noise = 0.01 * torch.randn(2, 3, 34, 41).sign()
    lattice = 0.01 * torch.randn(4, 4).sign().repeat(9, 11)[:34, :41]
    plain, loss = load("loss", "l1")(), load("loss", "l1_lattice")(period=4)
    assert float(plain(target + lattice, target)) == pytest.approx(float(plain(target + noise, target)), rel=1e-3)
    assert float(loss(target + lattice, target)) > 3 * float(loss(target + noise, target))
    assert float(loss(target + 0.1, target)) == pytest.approx(0.1, rel=1e-3)  # a shift of all is no lattice
    with pytest.raises(ValueError, match="period"):
        load("loss", "l1_lattice")(period=1)


def test_jitter_moves_the_pooling_grid_from_batch_to_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vgg_file(tmp_path)
    monkeypatch.setenv("DLIC_WEIGHTS", str(tmp_path))
    torch.manual_seed(1)
    x, y = torch.rand(2, 1, 3, 24, 24)
    still, moving = Perceptual(layer="2_2"), Perceptual(layer="2_2", jitter=2)
    values = {round(float(moving(x, y)), 6) for _ in range(30)}
    windows = {
        round(float(still(x[..., top : top + 22, left : left + 22], y[..., top : top + 22, left : left + 22])), 6)
        for top in range(3)
        for left in range(3)
    }
    assert len(values) > 3
    assert values <= windows
    with pytest.raises(DlicError, match="jitter"):
        Perceptual(jitter=-1)


def test_perceptual_names_the_file_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLIC_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("DLIC_DATA", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    # A proxy where nobody listens: the download fails at once, as without a network.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(DlicError, match=FILE):
        Perceptual()


def test_a_layer_that_vgg_lacks_is_refused() -> None:
    with pytest.raises(DlicError, match="7_1"):
        Perceptual(layer="7_1")


def test_lpips_vgg19_compares_directions_of_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vgg_file(tmp_path)
    monkeypatch.setenv("DLIC_WEIGHTS", str(tmp_path))
    loss = LPIPSVGG19(layers=["1_2", "2_2"], weights=[3.0, 1.0])
    x = torch.rand(2, 3, 32, 32, requires_grad=True)
    y = torch.rand(2, 3, 32, 32)
    value = loss(x, y)
    value.backward()
    assert float(loss(y, y)) == 0
    assert 0 < float(value) < 4
    assert x.grad is not None
    assert x.grad.isfinite().all()
    shallow, deep = (float(LPIPSVGG19(layers=[layer])(x, y)) for layer in ("1_2", "2_2"))
    assert float(value) == pytest.approx(0.75 * shallow + 0.25 * deep, rel=1e-4)
    # Every filter of the last layer twice as strong: no direction changes.
    with torch.no_grad():
        loss.vgg.layers[7].weight.mul_(2.0)
        loss.vgg.layers[7].bias.mul_(2.0)
    assert float(loss(x, y)) == pytest.approx(float(value), rel=1e-4)


def test_lpips_vgg19_of_smaller_pictures_does_not_see_what_is_finer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vgg_file(tmp_path)
    monkeypatch.setenv("DLIC_WEIGHTS", str(tmp_path))
    x = torch.rand(2, 3, 64, 64)
    checks = torch.tensor([[0.1, -0.1], [-0.1, 0.1]]).tile(32, 32)
    seen = {str(by): float(LPIPSVGG19(layers=["1_2"], shrink=by)(x + checks, x)) for by in ([1], [2], [1, 2])}
    assert seen["[1]"] > 100 * seen["[2]"]
    assert seen["[1, 2]"] == pytest.approx((seen["[1]"] + seen["[2]"]) / 2, rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"layers": ["9_9"]}, "9_9"),
        ({"layers": ["2_2", "1_2"]}, "order"),
        ({"layers": ["1_2"], "weights": [1.0, 2.0]}, "weights"),
        ({"jitter": -1}, "jitter"),
        ({"shrink": [0]}, "shrink"),
        ({"shrink": []}, "shrink"),
    ],
)
def test_lpips_vgg19_refuses(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(DlicError, match=told):
        LPIPSVGG19(**arguments)


@pytest.mark.slow
def test_real_vgg_features_see_blur_more_than_a_shift_in_brightness(monkeypatch: pytest.MonkeyPatch) -> None:
    from skimage import data

    monkeypatch.setenv("DLIC_WEIGHTS", str(real_data(f"weights/{FILE}").parent))
    cat = torch.from_numpy(data.chelsea()[60:188, 140:268].copy()).permute(2, 0, 1)[None].float() / 255
    blurred = torch.nn.functional.avg_pool2d(cat, 5, 1, 2)
    brighter = cat + (blurred - cat).abs().mean()
    for loss in (Perceptual(), LPIPSVGG19()):
        assert loss(blurred, cat) > 3 * loss(brighter, cat)
