"""The stage that learns to downsize, and what it learned in place of bicubic."""

import json
from pathlib import Path

import pytest
import torch
from skimage import data

from dlic_registry import DlicError, load
from lightning_dlic.imaging.resize import resize_uint8
from lightning_dlic.measure.sets import open_set
from lightning_dlic.measure.sr import evaluate
from lightning_dlic.nets.rescaler import DownsizeNet
from lightning_dlic.operators import downsizer as shrink_module
from lightning_dlic.operators.downsizer import learned
from lightning_dlic.operators.enlarger import KernelEnlarger, NetEnlarger
from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.fit import fit
from lightning_dlic.zoo import load_net, save_net
from lightning_dlic.zoo.downsize import LearnedDownsize

TINY = "net: {name: compact, width: 8, blocks: 1}, width: 8, blocks: 1"


def photograph(height: int, width: int) -> torch.Tensor:
    return torch.from_numpy(data.astronaut()[:height, :width].copy()).permute(2, 0, 1)[None]


def trained_by_hand(channels: int = 3) -> DownsizeNet:
    torch.manual_seed(0)
    net = DownsizeNet(2, channels, width=8, blocks=2)
    torch.nn.init.normal_(net.tail.weight, std=0.05)
    return net


@pytest.mark.parametrize(("height", "width"), [(48, 60), (47, 58)])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_untrained_it_is_bicubic(scale: int, height: int, width: int) -> None:
    picture = photograph(height, width)
    small = DownsizeNet(scale)(picture)
    assert torch.equal(small.mul(255).round().byte(), resize_uint8(picture, scale=1 / scale))


def test_small_pictures_have_eight_bits_and_gradients_pass_the_rounding() -> None:
    net = trained_by_hand()
    small = net(photograph(32, 32))
    assert float((small * 255 - (small * 255).round()).abs().max()) < 1e-3
    assert float(small.min()) >= 0
    assert float(small.max()) <= 1
    small.square().mean().backward()
    assert all(float(p.grad.abs().max()) > 0 for p in net.parameters())


@pytest.mark.parametrize("channels", [1, 3])
def test_large_pictures_shrink_in_bands_as_in_one_go(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    net = load("net", "rescaler")(scale=2, channels=channels, width=8)
    net.down = trained_by_hand(channels)
    operator = learned("mine", net, 2, channels)
    assert operator is not None
    picture = photograph(200, 120)
    with torch.inference_mode():
        whole = operator(picture)
        monkeypatch.setattr(shrink_module, "_BAND", 120 * 2 * 17)
        banded = operator(picture)
    assert whole.shape == (1, 3, 100, 60)
    # Convolutions of other sizes may sum in another order, which a rounding can show.
    assert int((whole.int() - banded.int()).abs().max()) <= 1
    assert float((whole != banded).float().mean()) < 1e-3


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short training."""
    folder = tmp_path_factory.mktemp("learned")
    recipe = folder / "down.yaml"
    recipe.write_text(f"""\
extends: [base/sr.yaml]
stages: {{sr: {{name: learned_downsize, args: {{scale: 2, {TINY}}}}}}}
optim: {{net: {{name: adam, lr: 3.0e-3}}}}
data: {{name: sample, args: {{crop: 32, batch_size: 4, workers: 0, val_crop: 64}}}}
trainer: {{accelerator: cpu, devices: 1, max_steps: 40, val_every: 40, checkpoint_every: 40, progress: false}}
run: {{root: "{folder / "runs"}"}}
""")
    return fit(load_recipe(recipe)).run.folder


def test_it_trains_both_networks_by_recipe(run: Path) -> None:
    figures = json.loads((run / "result.json").read_text())["figures"]["net"]
    assert 0 < figures["small_rms"] < 40
    assert figures["psnr_y"] > 15
    net, meta = load_net(run / "weights.safetensors")
    assert float(net.down.tail.weight.abs().max()) > 0
    assert (meta["scale"], meta["channels"]) == (2, 3)


@pytest.mark.slow
def test_a_strong_guide_holds_the_small_picture_to_bicubic(run: Path, tmp_path: Path) -> None:
    words = ["losses.pixel.name=l1", "losses.guide={name: mse, weight: 1000}", f"run.root={tmp_path}"]
    held = fit(load_recipe(run / "recipe.yaml", words)).run.folder
    free, bound = (json.loads((r / "result.json").read_text())["figures"]["net"]["small_rms"] for r in (run, held))
    assert bound < 0.75 * free


def test_it_takes_the_place_of_bicubic_in_another_training(run: Path, tmp_path: Path) -> None:
    weights = run / "weights.safetensors"
    recipe = tmp_path / "next.yaml"
    recipe.write_text(f"""\
extends: [base/sr.yaml]
stages:
  sr: {{name: compact, args: {{scale: 2, width: 8, blocks: 1, downsize: {{name: learned, weights: "{weights}"}}}}}}
data: {{name: sample, args: {{crop: 32, batch_size: 2, workers: 0, val_crop: 64}}}}
trainer: {{accelerator: cpu, devices: 1, max_steps: 2, val_every: 2, checkpoint_every: 2, progress: false}}
run: {{root: "{tmp_path / "runs"}"}}
""")
    result = fit(load_recipe(recipe))
    assert result.batches == 2
    assert load_net(result.run.weights)[1]["downsize"] == {"name": "learned", "weights": str(weights)}
    # The network that ships is the one that was trained, without its downsizing.
    assert set(load_net(result.run.weights)[0].state_dict()) == set(
        load("net", "compact")(width=8, blocks=1).state_dict()
    )


def test_networks_are_measured_on_what_their_own_downsizing_makes(run: Path, tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "set"
    folder.mkdir()
    Image.fromarray(data.astronaut()[:96, 150:246]).save(folder / "face.png")
    net, meta = load_net(run / "weights.safetensors")
    pair, other = NetEnlarger("pair", net, meta), NetEnlarger("other", net, meta)
    assert pair.downsize.name == "pair"
    plain = KernelEnlarger("bicubic", 2)
    other.downsize = plain.downsize
    rows = evaluate([pair, other, plain], [open_set(folder)])
    own, bicubic, _ = (row.figures["psnr_y"] for row in rows)
    assert own != bicubic
    small = pair.downsize(photograph(96, 96))
    assert not torch.equal(small, plain.downsize(photograph(96, 96)))


def test_noise_reaches_the_network_in_training_alone() -> None:
    stage = load("sr", "learned_downsize")(scale=2, net={"name": "compact", "width": 8, "blocks": 1}, noise=8.0)
    small = torch.full((1, 3, 8, 8), 0.5)
    assert not torch.equal(stage(small), stage.eval()(small))
    assert torch.equal(stage(small), stage.net(small))


def test_weights_of_the_enlarging_network_alone_start_it(run: Path, tmp_path: Path) -> None:
    recipe = load_recipe(run / "recipe.yaml")
    torch.manual_seed(1)
    single = load("net", "compact")(scale=2, width=8, blocks=1)
    record = {"name": "compact", "args": {"width": 8, "blocks": 1}}
    path = tmp_path / "single.safetensors"
    save_net(path, single, {"kind": "sr", "scale": 2, "channels": 3, "net": record})
    from lightning_dlic.training.build import build_stage

    recipe.stages["sr"].init = str(path)
    assert torch.equal(build_stage(recipe, "sr").net.up.tail.weight, single.tail.weight)
    recipe.stages["sr"].init = str(run / "weights.safetensors")
    assert float(build_stage(recipe, "sr").net.down.tail.weight.abs().max()) > 0


def test_mistakes_are_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(DlicError, match="downsizes by 2, not by 4"):
        LearnedDownsize(4, weights=str(run / "weights.safetensors"))
    with pytest.raises(DlicError, match="compact does not downsize"):
        LearnedDownsize(4, weights="zoo:compact_x4")
    operator = LearnedDownsize(2, weights=str(run / "weights.safetensors"))
    with pytest.raises(DlicError, match="takes 3 channels, not 1"):
        operator(photograph(32, 32)[:, :1])
    stage = load("sr", "learned_downsize")(scale=2, net={"name": "compact", "width": 8, "blocks": 1})
    batch = {"image": photograph(32, 32), "base": photograph(16, 16)}
    with pytest.raises(DlicError, match=r"Remove data\.args\.transform"):
        stage.task(batch)
