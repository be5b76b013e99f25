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
from dlic_registry import DlicError, load
from lightning_dlic.codec import Bitstream
from lightning_dlic.codec.planes import downsized
from lightning_dlic.imaging.color import luma_uint8, rgb_to_ycbcr
from lightning_dlic.imaging.numpy.color import split
from lightning_dlic.imaging.resize import resize_uint8
from lightning_dlic.pipeline.decompress import decode_layers
from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.fit import fit
from lightning_dlic.transforms.degrade import Degrade


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


@pytest.mark.parametrize("name", ["hevc", "avif"])
def test_color_is_coded_too_and_the_quantiser_told(name: str, pictures: Path) -> None:
    fine, coarse = (_batches(pictures, Degrade(name, scale=2, quality=(q, q), color=True))[0] for q in (0.9, 0.1))
    for batch in (fine, coarse):
        assert batch["base"].shape == (4, 3, 16, 16)
    small = resize_uint8(fine["image"], size=(16, 16)).float() / 255.0
    chroma = 255.0 * rgb_to_ycbcr(small)[:, 1:] + 128.0
    near, far = ((batch["base"][:, 1:].float() - chroma).square().mean().sqrt().item() for batch in (fine, coarse))
    assert near < 8
    assert near < far
    # From one end to the other a step of each codec grows by more than 2^5.
    assert (coarse["quality"] - fine["quality"] > 4).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "qualities", "steps"),
    [
        # QPs 51, 31 and 0; a step of 6 doubles the quantiser's, which is 1 at 4.
        ("hevc", (0, 20, 51), [2 ** ((qp - 4) / 6) for qp in (51, 31, 0)]),
        # VVC's errors are those of HEVC seven QPs finer.
        ("vvc", (0, 30), [2 ** ((qp - 11) / 6) for qp in (63, 33)]),
        # By the specification's table: quantizers 63, 40 and 10 are indices 255, 160 and 40.
        ("avif", (0, 23, 53), [1828 / 8, 305 / 8, 47 / 8]),
        # Index 127 and 0 of the table of AC coefficients, which are twice an orthonormal transform's.
        ("webp", (0, 100), [284 / 2, 4 / 2]),
        pytest.param("intra", (0, 40), [160, 5], marks=pytest.mark.slow),
    ],
)
def test_training_and_decoding_are_told_the_step_of_the_payload(
    name: str, qualities: tuple[int, ...], steps: list[float], pictures: Path
) -> None:
    codec = load("codec", name)()
    for quality, step in zip(qualities, steps, strict=True):
        share = quality / (codec.steps - 1)
        batch = _batches(pictures, Degrade(name, scale=2, quality=(share, share), color=True))[0]
        told = batch["quality"][0].item()
        assert told == pytest.approx(np.log2(step), abs=0.05)
        picture = np.ascontiguousarray(batch["image"][0].permute(1, 2, 0).numpy())
        small = downsized(picture, split(picture), 2)
        payload = codec.encode(small, quality, 1)
        crc = codec.decode(payload, *small.size, True).crc32()
        stream = Bitstream(picture.shape[1], picture.shape[0], 2, name, True, payload, crc)
        assert decode_layers(stream).step == pytest.approx(told)


def test_codecs_without_a_step_say_so(pictures: Path) -> None:
    assert _batches(pictures, Degrade("jpeg", scale=2))[0]["quality"].isnan().all()
