"""Colorization stages: their task, their losses, and that they learn."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dlic_registry import DlicError, load
from lightning_dlic.imaging.chroma import split
from lightning_dlic.imaging.color import luma_uint8
from lightning_dlic.losses.classes import SoftCrossEntropy
from lightning_dlic.losses.hypotheses import LogMSE, Nearest
from lightning_dlic.recipe import load_recipe
from lightning_dlic.stages.base import Stage
from lightning_dlic.stages.colorization.regions import Shape, make_hints, region_labels
from lightning_dlic.stages.settings import Settings
from lightning_dlic.training.fit import fit
from lightning_dlic.transforms.hinted import Hinted

TINY = {"name": "multihypothesis_compact", "branches": 3, "widths": [16, 16], "blocks": 1}
TINY_BINS = {"name": "colorful_compact", "widths": [16, 16], "blocks": 1}


@pytest.fixture(scope="module")
def batch(pictures: Path) -> dict[str, torch.Tensor]:
    crops = [np.array(Image.open(path))[:64, :64] for path in sorted((pictures / "train").glob("*.png"))[:4]]
    return {"image": torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous()}


def _stage(name: str, **arguments: object) -> Stage:
    torch.manual_seed(0)
    stage: Stage = load("colorization", name)(**arguments)
    stage.configure(Settings())
    return stage


def _terms(stage: Stage, batch: dict[str, torch.Tensor]) -> Iterator[dict[str, torch.Tensor]]:
    optimizer = torch.optim.Adam(stage.net.parameters(), 3e-3)
    for _ in range(40):
        ((_, terms),) = stage.updates(*stage.task(batch))
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
        yield {name: value.detach() for name, value in terms.items()}


def test_regions_cover_and_hints_are_their_means(batch: dict[str, torch.Tensor]) -> None:
    luma, chroma = split(batch["image"] / 255.0, "cbcr")
    for shape in (Shape(16), Shape(16, wander=0.8), Shape(12, wander=0.2, tone=6.0, rounds=3)):
        labels, count = region_labels(luma, shape)
        assert labels.shape == (4, 64, 64)
        assert 0 <= labels.min() <= labels.max() < count
        hints = make_hints(chroma, labels, count, torch.ones(4, 1, count), 1e-6)
        inside = labels[0] == labels[0, 30, 30]
        torch.testing.assert_close(hints[0, :2, 30, 30], chroma[0][:, inside].mean(1), atol=1e-4, rtol=0)
        assert hints[:, 2].all()
        none = make_hints(chroma, labels, count, torch.zeros(4, 1, count), 0.02)
        assert not none.any()
    # Superpixels follow luma: within them it varies less than within cells.
    spread = {}
    for name, shape in {"cells": Shape(12), "superpixels": Shape(12, tone=8.0, rounds=4)}.items():
        labels, count = region_labels(luma, shape)
        painted = make_hints(luma.expand(-1, 2, -1, -1), labels, count, torch.ones(4, 1, count), 1e-6)[:, :1]
        spread[name] = float((painted - luma).square().mean())
    assert spread["superpixels"] < 0.8 * spread["cells"]


def test_inputs_of_training_and_of_validation(batch: dict[str, torch.Tensor]) -> None:
    stage = _stage("multihypothesis", net=TINY)
    given = {
        **batch,
        "luma": torch.full((4, 1, 64, 64), 51, dtype=torch.uint8),
        "hints": torch.rand(4, 6, 64, 64),
    }
    (luma, hints), target = stage.train().task(given)
    assert torch.equal(luma, torch.full_like(luma, 0.2))
    for index in range(4):
        mirrored = not torch.equal(hints[index], given["hints"][index])
        assert torch.equal(hints[index], given["hints"][index].flip(-1) if mirrored else given["hints"][index])
        whole = batch["image"][index] / 255.0
        torch.testing.assert_close(target[index], whole.flip(-1) if mirrored else whole)
    stage.eval()
    (luma, hints), target = stage.task(given)
    (_, again), _ = stage.task(given)
    torch.testing.assert_close(luma, split(target, "cbcr")[0])
    assert torch.equal(hints, again)
    assert hints[:, 2].all()


def test_base_is_shown_to_half_of_the_pictures(batch: dict[str, torch.Tensor]) -> None:
    stage = _stage("multihypothesis", net=TINY).train()
    given = {"image": batch["image"].repeat(8, 1, 1, 1), "base": torch.zeros(32, 1, 32, 32, dtype=torch.uint8)}
    (luma, _), _ = stage.task(given)
    black = (luma.flatten(1) == 0).all(1).sum()
    assert 6 <= black <= 26


@pytest.mark.slow
@pytest.mark.parametrize(("name", "net"), [("multihypothesis", TINY), ("colorful", TINY_BINS)])
def test_it_learns(name: str, net: dict[str, object], batch: dict[str, torch.Tensor]) -> None:
    stage = _stage(name, net=net).train()
    before, *_, last = (sum(terms.values()) for terms in _terms(stage, batch))
    assert last < before - 0.1
    gains = []
    for index in range(4):
        inputs, target = stage.eval().task({"image": batch["image"][index : index + 1]})
        with torch.no_grad():
            scores = [stage.score(inputs, chroma, target) for chroma in (stage(inputs), stage.baseline(inputs))]
        gains.append(scores[0]["psnr_rgb"] - scores[1]["psnr_rgb"])
    assert np.mean(gains) > 0.3


def test_no_branch_dies_and_the_first_is_the_best_guess() -> None:
    target = torch.randn(2, 3, 16, 16)
    maps = torch.zeros(2, 4, 3, 16, 16, requires_grad=True)
    Nearest(block=8, guard=0.1)(torch.cat((maps[:, :3], maps[:, 3:] + 5.0), dim=1), target).backward()
    assert maps.grad is not None
    assert (maps.grad.abs().sum((0, 2, 3, 4)) > 0).all()
    near = torch.stack((target, target + 1.0), dim=1)
    assert Nearest(guard=0.0)(near, target) < Nearest(guard=0.0)(near[:, 1:], target)


def test_log_mse_is_the_mean_of_decibels() -> None:
    target = torch.rand(2, 3, 8, 8)
    output = target + torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)
    loss = LogMSE(floor=1e-12)(output, target)
    assert float(-10 / np.log(10) * loss) == pytest.approx((20 + 40) / 2, abs=0.01)


def test_soft_cross_entropy_counts_by_weight() -> None:
    logits = torch.zeros(1, 4, 2, 1)
    logits[0, 0, 0] = 5.0
    target = torch.zeros(1, 4, 2, 1)
    target[0, 0, 0], target[0, 1, 1] = 3.0, 1.0
    places = -logits.log_softmax(1)
    expected = (3 * places[0, 0, 0, 0] + places[0, 1, 1, 0]) / 4
    torch.testing.assert_close(SoftCrossEntropy()(logits, target), expected)


def test_the_prior_is_counted_over_all_crops(batch: dict[str, torch.Tensor]) -> None:
    stage = _stage("colorful", net=TINY_BINS, rebalance=None).train()
    alone = []
    for index in range(3):
        single = _stage("colorful", net=TINY_BINS, rebalance=None).train()
        part = {"image": batch["image"][index : index + 1]}
        next(single.updates(*single.task(part)))
        next(stage.updates(*stage.task(part)))
        alone.append(single.net.prior)
    torch.testing.assert_close(stage.net.prior, torch.stack(alone).mean(0))
    assert float(stage.net.prior.sum()) == pytest.approx(1, abs=1e-5)


def test_the_transform_draws_from_keys_alone(batch: dict[str, torch.Tensor]) -> None:
    keys = np.array([5, 6, 7, 8], np.uint64)
    transform = Hinted(none=0.0, some=0.0, step=(1, 1), decoded=0.0, degrade={"codec": "webp", "scale": 1})
    made = transform(dict(batch), keys)
    again = pickle.loads(pickle.dumps(transform))({"image": batch["image"][2:]}, keys[2:])
    assert torch.equal(made["hints"][2:], again["hints"])
    assert torch.equal(made["luma"], luma_uint8(batch["image"]))
    assert made["hints"].shape == (4, 6, 64, 64)
    assert made["hints"][:, 2].all()
    chroma = split(batch["image"] / 255.0, "cbcr")[1]
    left = (made["hints"][:, :2] - chroma).square().mean((1, 2, 3))
    assert (left < 0.7 * chroma.square().mean((1, 2, 3))).all()
    halved = Hinted(none=0.0, some=0.0, halved=1.0, decoded=0.0, degrade={"codec": "webp", "scale": 1})
    blocks = halved(dict(batch), keys)["hints"].unflatten(-1, (-1, 2)).unflatten(-3, (-1, 2))
    assert (blocks == blocks[..., :1, :, :1]).all()
    assert not torch.equal(blocks.flatten(-4, -3).flatten(-2), made["hints"])
    other = Hinted(none=1.0, decoded=1.0, degrade={"codec": "webp", "scale": 2, "quality": [0.0, 0.0]})(batch, keys)
    assert not other["hints"].any()
    assert not torch.equal(other["luma"], made["luma"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"hints": []}, "no kind"), ({"side": [9, 3]}, "side"), ({"step": [0, 3]}, "step"), ({"none": 2}, "none")],
)
def test_the_transform_refuses(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(DlicError, match=words):
        Hinted(**arguments)


def test_stages_refuse_networks_for_other_things() -> None:
    with pytest.raises(ValueError, match="not one for colour"):
        load("colorization", "multihypothesis")(net={"name": "compact"})
    with pytest.raises(ValueError, match="does not classify"):
        load("colorization", "colorful")(net=TINY)


def test_a_recipe_trains_and_leaves_a_network(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(f"""\
train: colorization
stages: {{colorization: {{name: multihypothesis, args: {{net: {TINY}}}}}}}
data:
  name: folder
  args: {{root: "{pictures}", crop: 48, batch_size: 2, workers: 0, augment: false, transform: {{name: hinted}}}}
trainer: {{accelerator: cpu, devices: 1, max_steps: 2, val_every: 2, checkpoint_every: 2, progress: false}}
run: {{root: "{tmp_path / "runs"}"}}
""")
    result = fit(load_recipe(tmp_path / "tiny.yaml"))
    assert result.figures is not None
    assert result.figures.net["psnr_rgb"] > result.figures.baseline["psnr_rgb"]
    assert (result.run.folder / "weights.safetensors").is_file()
    assert list((result.run.folder / "samples").glob("*.png"))


def test_recolored_pictures_keep_luma_and_saturation(batch: dict[str, torch.Tensor]) -> None:
    keys = np.array([5, 6, 7, 8], np.uint64)
    muted = batch["image"] // 4 + 96
    wanted = {"none": 0.0, "decoded": 0.0, "degrade": {"codec": "webp", "scale": 1}}
    made = Hinted(recolored=1.0, **wanted)({"image": muted}, keys)["image"]
    assert torch.equal(Hinted(**wanted)({"image": muted}, keys)["image"], muted)
    (luma, chroma), (before, colors) = (split(picture / 255.0, "cbcr") for picture in (made, muted))
    assert (luma - before).abs().max() < 2 / 255
    assert (chroma.norm(dim=1) - colors.norm(dim=1)).abs().max() < 3 / 255
    assert ((chroma - colors).abs().amax((1, 2, 3)) > 0.02).sum() >= 2
    # Without hints the colours are what there is to learn.
    assert torch.equal(Hinted(recolored=1.0, **{**wanted, "none": 1.0})({"image": muted}, keys)["image"], muted)


def test_a_picture_without_color_leaves_the_mean_finite() -> None:
    stage = load("colorization", "multihypothesis")().eval()
    grey = {"image": torch.full((1, 3, 32, 32), 90, dtype=torch.uint8)}
    inputs, target = stage.task(grey)
    assert stage.score(inputs, stage.baseline(inputs), target)["psnr_rgb"] == 60.0
