"""The decoder against a discriminator."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file

from dlic_registry import DlicError, load
from lightning_dlic.frozen.vgg import FILE, vgg_layers
from lightning_dlic.recipe import check, load_recipe
from lightning_dlic.stages.reconstruction.decoder_gan import DecoderGAN
from lightning_dlic.stages.settings import Settings
from lightning_dlic.training.fit import fit
from lightning_dlic.transforms.degrade import Degrade

TINY = {"name": "decoder_unet", "scales": [2], "widths": [8, 8], "blocks": 1}
SMALL = {"name": "unet_sn", "width": 8}
LOSSES = {
    "pixel": {"name": "l1"},
    "content": {"name": "mse"},
    "adversarial": {"name": "hinge", "weight": 0.1},
    "matching": {"name": "feature_matching", "weight": 0.2},
    "r1": {"name": "r1", "every": 2, "weight": 0.5},
}


def _stage(losses: dict[str, Any] = LOSSES, **arguments: Any) -> DecoderGAN:
    torch.manual_seed(0)
    stage: DecoderGAN = load("reconstruction", "decoder_gan")(**{"net": TINY, "discriminator": SMALL, **arguments})
    stage.configure(Settings(losses=losses))
    return stage


@pytest.fixture(scope="module")
def batch(pictures: Path) -> dict[str, torch.Tensor]:
    crops = [np.array(Image.open(path))[:32, :48] for path in sorted((pictures / "train").glob("*.png"))[:2]]
    image = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous()
    return Degrade("webp", scale=2, quality=(0.1, 0.1), color=True)({"image": image}, np.arange(2, dtype=np.uint64))


def _updates(stage: DecoderGAN, batch: dict[str, torch.Tensor]) -> dict[str, dict[str, float]]:
    updates = stage.updates(*stage.task(batch))
    return {str(role): {name: value.item() for name, value in terms.items()} for role, terms in updates}


def test_what_is_of_the_discriminator_counts_by_the_strength_and_grows(batch: dict[str, torch.Tensor]) -> None:
    full, half, none = (_updates(_stage(alphas=[alpha]), batch) for alpha in (1.0, 0.5, 0.0))
    assert set(full["generator"]) == {"pixel", "content", "adversarial", "matching"}
    assert set(full["discriminator"]) == {"adversarial", "r1"}
    # At strength 0 the network is left to pixels, and the discriminator rests.
    assert (set(none["generator"]), none["discriminator"]) == ({"pixel"}, {})
    early = _stage(alphas=[1.0], ramp=10)
    grown = _updates(early, batch)
    early.batches = 9
    for name in ("adversarial", "matching"):
        assert half["generator"][name] == pytest.approx(0.5 * full["generator"][name], rel=0.05)
        assert grown["generator"][name] == pytest.approx(0.1 * full["generator"][name], rel=0.05)
        assert _updates(early, batch)["generator"][name] == pytest.approx(full["generator"][name], rel=0.05)
    # The slope is taken every second batch.
    assert set(_updates(early, batch)["discriminator"]) == {"adversarial"}


def test_each_side_is_moved_by_its_own_terms_alone(batch: dict[str, torch.Tensor]) -> None:
    stage = _stage(alphas=[1.0])
    for role, terms in stage.updates(*stage.task(batch)):
        stage.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        moved = {name.partition(".")[0] for name, p in stage.named_parameters() if p.grad is not None}
        assert moved == {"net" if role == "generator" else "discriminator"}


def test_the_discriminator_sees_what_was_decoded_and_what_the_stage_shows(batch: dict[str, torch.Tensor]) -> None:
    for bands in (False, True):
        stage = _stage(bands=bands)
        inputs, target = stage.task(batch)
        seen, told = stage.judged(inputs, target), stage.told(inputs)
        assert seen.shape == (2, 3, 32, 48)
        assert told is not None
        assert torch.equal(told, stage.baseline(inputs))
        assert torch.equal(seen, target) is not bands
        # Of tone, fine sub-bands know nothing.
        brighter = stage.judged(inputs, target + 0.2)
        assert torch.allclose(brighter, seen, atol=1e-4) is bands
    others: dict[str, Any] = {"discriminator": {"name": "srgan_discriminator", "width": 4, "dense": 8}}
    for plain in (_stage(**others), _stage(conditioned=False)):
        assert plain.told(plain.task(batch)[0]) is None


def test_artefacts_are_told_by_what_the_least_strength_makes(batch: dict[str, torch.Tensor]) -> None:
    losses = {"artefacts": {"name": "ldl"}, "adversarial": LOSSES["adversarial"]}
    stage = _stage(losses, alphas=[0.0, 1.0])
    inputs, target = stage.task(batch)
    vivid = inputs._replace(alpha=torch.ones_like(inputs.alpha))
    made = stage(vivid)
    steady = stage(inputs._replace(alpha=torch.zeros_like(inputs.alpha)))
    value = stage.terms(vivid, made, target)["artefacts"]
    assert value.item() == pytest.approx(float(stage.losses["artefacts"](made, target, reference=steady)))
    # What makes the same at every strength has no artefacts that the least had not.
    assert float(value) == 0
    faithful = stage.terms(inputs._replace(alpha=torch.zeros_like(inputs.alpha)), made, target)["artefacts"]
    assert float(faithful) > 0


@pytest.fixture
def recipe(tmp_path: Path, pictures: Path) -> Path:
    transform = {"name": "degrade", "codec": "webp", "scale": 2, "quality": [0.0, 0.15], "color": True}
    discriminator = {"name": "projected", "layers": ["1_2"], "width": 8}
    content = {
        "train": "reconstruction",
        "stages": {
            "reconstruction": {
                "name": "decoder_gan",
                "args": {"net": TINY, "discriminator": discriminator, "ramp": 4},
            }
        },
        "losses": LOSSES,
        "metrics": {"psnr_y": {}},
        "data": {
            "name": "folder",
            "args": {"root": str(pictures), "crop": 24, "batch_size": 2, "workers": 0, "transform": transform},
        },
        "trainer": {"accelerator": "cpu", "devices": 1, "max_steps": 6, "checkpoint_every": 3, "log_every": 1},
        "run": {"root": str(tmp_path / "runs")},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.slow
def test_it_trains_resumes_to_the_bit_and_leaves_the_network_alone(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline: Callable[..., tuple[str, str]]
) -> None:
    torch.manual_seed(0)
    save_file(vgg_layers(3).state_dict(), tmp_path / FILE)
    monkeypatch.setenv("DLIC_WEIGHTS", str(tmp_path))
    whole = fit(load_recipe(recipe, ["trainer.max_steps=6", "trainer.val_every=6"]))
    assert whole.figures is not None
    halted = fit(load_recipe(recipe, ["trainer.max_steps=3", "trainer.val_every=6"]))
    again = fit(load_recipe(recipe, ["trainer.max_steps=6", "trainer.val_every=6"]), halted.run.folder)
    left, right = (load_file(result.run.weights) for result in (whole, again))
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert set(left) == set(load("net", "decoder_unet")(**{k: v for k, v in TINY.items() if k != "name"}).state_dict())
    rows = (whole.run.folder / "metrics.csv").read_text()
    for name in ("train/generator_matching", "train/discriminator_r1", "val/vivid_psnr_rgb", "val/vivid_psnr_y"):
        assert name in rows
    # Who takes the network out of a checkpoint needs nothing that only its judge looks through.
    for variable in ("DLIC_WEIGHTS", "DLIC_DATA"):
        monkeypatch.delenv(variable, raising=False)
    inline("export", whole.run.last, "--format", "safetensors", "--out", tmp_path / "out.safetensors")
    assert set(load_file(tmp_path / "out.safetensors")) == set(left)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["stages.reconstruction.args.discriminator.conditions=3"], "conditions: is set by what uses this net"),
        (["stages.reconstruction.name=decoder"], "decoder has no discriminator|no role"),
        (["stages.reconstruction.args.discriminator.name=unet_sm"], "Did you mean 'unet_sn'"),
        (
            ["losses.adversarial=null", "stages.reconstruction.args.discriminator=null"],
            "only with the term adversarial",
        ),
    ],
)
def test_mistakes(recipe: Path, overrides: list[str], message: str) -> None:
    with pytest.raises((DlicError, ValueError), match=message):
        fit(load_recipe(recipe, overrides))


def test_a_loss_that_looks_into_a_discriminator_wants_a_stage_with_one(write_recipe: Callable[..., Path]) -> None:
    path = write_recipe(body="losses: {pixel: {name: l1}, matching: {name: feature_matching}}")
    with pytest.raises(DlicError, match=r"losses\.matching: loss feature_matching looks into a discriminator, and"):
        check(load_recipe(path))
