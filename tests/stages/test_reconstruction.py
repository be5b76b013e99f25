"""Stages that make the picture of a decoded base layer."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dlic_registry import DlicError, load
from lightning_dlic.imaging.resize import resize
from lightning_dlic.recipe import load_recipe
from lightning_dlic.stages.reconstruction.base import Reconstruction
from lightning_dlic.stages.settings import Settings
from lightning_dlic.training.fit import fit
from lightning_dlic.transforms.degrade import Degrade

TINY = {"name": "decoder_unet", "scales": [2], "widths": [16, 16], "blocks": 1}
TRANSFORM = "{name: degrade, codec: webp, scale: 2, quality: [0.0, 0.15], color: true}"


def _stage(**arguments: object) -> Reconstruction:
    torch.manual_seed(0)
    stage: Reconstruction = load("reconstruction", "decoder")(net=TINY, **arguments)
    # A loss without weights of others, so that no file is needed.
    stage.configure(Settings(losses={"pixel": {"name": "l1"}, "content": {"name": "mse", "weight": 4.0}}))
    return stage


@pytest.fixture(scope="module")
def batch(pictures: Path) -> dict[str, torch.Tensor]:
    crops = [np.array(Image.open(path))[:48, :64] for path in sorted((pictures / "train").glob("*.png"))[:4]]
    image = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous()
    return Degrade("hevc", scale=2, quality=(0.5, 0.5), color=True)({"image": image}, np.arange(4, dtype=np.uint64))


def test_the_task_is_the_decoded_base_layer_in_color(batch: dict[str, torch.Tensor]) -> None:
    stage = _stage()
    inputs, target = stage.task(batch)
    assert torch.equal(target, batch["image"] / 255.0)
    assert (inputs.ycbcr.shape, inputs.scale) == ((4, 3, 24, 32), 2)
    # HEVC at half of its steps: QP 25, a step of 2^3.5 levels (ITU-T H.265, 8.6).
    assert inputs.quality.tolist() == pytest.approx([3.5] * 4, abs=0.2)
    # Centred chroma, like that of the picture itself.
    assert float((stage.baseline(inputs) - target).square().mean()) < 0.012


def test_pictures_without_a_base_layer_are_made_small(batch: dict[str, torch.Tensor]) -> None:
    stage = _stage()
    odd = {"image": batch["image"][..., :47, :63]}
    inputs, target = stage.task(odd)
    assert inputs.ycbcr.shape[-2:] == (23, 31)
    assert target.shape[-2:] == (46, 62)
    assert inputs.quality.isnan().all()
    plain = resize(resize(target, size=(23, 31)), size=(46, 62))
    assert float((stage.baseline(inputs) - plain).abs().mean()) < 0.01


def test_base_layers_of_luma_alone_are_refused(batch: dict[str, torch.Tensor]) -> None:
    with pytest.raises(DlicError, match=r"transform\.color=true"):
        _stage().task({**batch, "base": batch["base"][:, :1]})


def test_features_count_by_the_strength_that_the_network_is_told(batch: dict[str, torch.Tensor]) -> None:
    terms = {}
    for alpha in (0.0, 0.25, 1.0):
        stage = _stage(alphas=[alpha])
        inputs, target = stage.task(batch)
        assert inputs.alpha.tolist() == [alpha] * 4
        ((_, terms[alpha]),) = stage.updates(inputs, target)
    assert "content" not in terms[0.0]
    assert float(terms[0.25]["content"]) == pytest.approx(0.25 * float(terms[1.0]["content"]), rel=1e-4)
    with pytest.raises(ValueError, match="alphas"):
        load("reconstruction", "decoder")(net=TINY, alphas=[1.5])


def test_strengths_are_drawn_in_training_and_the_least_judges(batch: dict[str, torch.Tensor]) -> None:
    stage = _stage(alphas=[0.0, 1.0])
    assert {float(stage.task(batch)[0].alpha[0]) for _ in range(30)} == {0.0, 1.0}
    stage.eval()
    assert {float(stage.task(batch)[0].alpha[0]) for _ in range(5)} == {0.0}


@pytest.mark.slow
def test_it_learns_to_repair(pictures: Path, batch: dict[str, torch.Tensor]) -> None:
    coarse = Degrade("hevc", scale=2, quality=(0.1, 0.1), color=True)(batch, np.arange(4, dtype=np.uint64))
    stage = _stage()
    optimizer = torch.optim.Adam(stage.net.parameters(), 2e-3)
    inputs, target = stage.task(coarse)
    for _ in range(60):
        ((_, terms),) = stage.updates(inputs, target)
        optimizer.zero_grad()
        terms["pixel"].backward()
        optimizer.step()
    plain = (stage.baseline(inputs) - target).abs().mean()
    assert float(terms["pixel"].detach()) < 0.9 * float(plain)


def test_it_trains_by_recipe_and_reports_both_ends(write_recipe: Callable[..., Path], pictures: Path) -> None:
    path = write_recipe(
        body="""\
losses: {pixel: {name: l1}, content: {name: mse}}
optim: {net: {name: adam, lr: 1.0e-3}}
"""
    )
    text = path.read_text().replace("extends: [base/sr.yaml]\ntrain: sr\n", "train: reconstruction\n")
    start = text.index("stages:")
    net = str(TINY).replace("'", "")
    text = (
        text[:start]
        + f"stages: {{reconstruction: {{name: decoder, args: {{net: {net}, alphas: [0.0, 1.0]}}}}}}\n"
        + (text[text.index("data:") :])
    )
    path.write_text(text.replace("workers: 0}", f"workers: 0, transform: {TRANSFORM}}}"))
    result = fit(load_recipe(path, ["trainer.max_steps=4", "trainer.val_every=4"]))
    assert set(result.figures.net) == {"psnr_y", "psnr_rgb", "ssim_y", "ssim_rgb"}
    assert "val/vivid_psnr_rgb" in (result.run.folder / "metrics.csv").read_text()
