"""Decoded base layers in training batches."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dlic_datamodules.folder import FolderDataModule
from dlic_registry import DlicError
from lightning_dlic.codec.degrade import Degrade
from lightning_dlic.imaging.color import luma_uint8
from lightning_dlic.imaging.resize import resize_uint8
from lightning_dlic.training.fit import fit
from lightning_dlic.training.recipe import load_recipe


def _batches(pictures: Path, degrade: Degrade, workers: int = 0, start: int = 0) -> list[dict[str, Tensor]]:
    data = FolderDataModule(str(pictures), crop=32, batch_size=4, workers=workers)
    data.configure(steps=4, start=start, seed=9, transform=degrade)
    return list(data.train_dataloader())


@pytest.mark.parametrize("codec", ["webp", "jpeg"])
def test_base_is_the_decoded_small_luma(codec: str, pictures: Path) -> None:
    fine = _batches(pictures, Degrade(codec, scale=2, quality=(1.0, 1.0)))
    coarse = _batches(pictures, Degrade(codec, scale=2, quality=(0.0, 0.0)))
    errors = []
    for batches in (fine, coarse):
        total = 0.0
        for batch in batches:
            small = resize_uint8(luma_uint8(batch["image"]), size=(16, 16))
            assert batch["base"].shape == small.shape == (4, 1, 16, 16)
            assert batch["base"].dtype == torch.uint8
            total += (batch["base"].float() - small.float()).square().mean().item()
        errors.append(total / len(batches))
    assert errors[0] < 12
    assert errors[1] > 4 * errors[0]
    for a, b in zip(fine, coarse, strict=True):
        assert torch.equal(a["image"], b["image"])


def test_same_base_in_every_worker_and_after_resuming(pictures: Path) -> None:
    degrade = Degrade(["webp", "jpeg"], scale=[2, 4])
    whole = _batches(pictures, degrade)
    for again in (_batches(pictures, pickle.loads(pickle.dumps(degrade)), 2), _batches(pictures, degrade, 1, 2)):
        for a, b in zip(whole[-len(again) :], again, strict=True):
            assert torch.equal(a["base"], b["base"])
            assert torch.equal(a["image"], b["image"])


def test_scales_codecs_and_qualities_are_drawn(pictures: Path) -> None:
    image = torch.arange(64 * 64, dtype=torch.int64).reshape(1, 1, 64, 64).to(torch.uint8)
    keys = np.arange(60, dtype=np.uint64)
    many = [Degrade(["webp", "jpeg"], scale=[2, 4])({"image": image}, keys[n : n + 1])["base"] for n in range(60)]
    assert {tuple(base.shape[-2:]) for base in many} == {(32, 32), (16, 16)}
    assert len({base.numpy().tobytes() for base in many}) > 20


def test_evaluation_pictures_are_cropped_to_whole_multiples(pictures: Path) -> None:
    data = FolderDataModule(str(pictures), workers=0, gray=True)
    data.configure(steps=1, transform=Degrade("webp", scale=5))
    for batch in data.val_dataloader():
        assert batch["image"].shape == (1, 1, 60, 70)
        assert batch["base"].shape == (1, 1, 12, 14)


def test_mistakes_are_named() -> None:
    with pytest.raises(DlicError, match="webp"):
        Degrade("wepb")
    with pytest.raises(DlicError, match="scale"):
        Degrade("webp", scale=0)
    with pytest.raises(DlicError, match="quality"):
        Degrade("webp", quality=(0.9, 0.1))
    with pytest.raises(DlicError, match="effort"):
        Degrade("webp", effort=0)


def test_a_recipe_trains_on_decoded_pictures(write_recipe: Callable[..., Path]) -> None:
    path = write_recipe()
    gray = ["trainer.progress=false", "stages.sr.args.channels=1"]
    coder = "data.args.transform={name: degrade, codec: webp, scale: %d}"
    result = fit(load_recipe(path, [*gray, coder % 2]))
    clean = fit(load_recipe(path, gray))
    written = [json.loads((run.run.folder / "result.json").read_text()) for run in (result, clean)]
    baselines = [one["figures"]["baseline"]["psnr_y"] for one in written]
    assert baselines[0] < baselines[1] - 0.5
    assert "webp" in written[0]["protocol"]["resizer"]
    assert "MATLAB" in written[1]["protocol"]["resizer"]
    with pytest.raises(DlicError, match=r"data\.args\.transform\.scale=2"):
        fit(load_recipe(path, [*gray, coder % 4]))
    with pytest.raises(DlicError, match="Did you mean 'codec'"):
        fit(load_recipe(path, ["data.args.transform={name: degrade, codek: webp}"]))
