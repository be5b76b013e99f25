"""Realistic degradations in training batches."""

import pickle

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage import data

from dlic_datamodules.folder import FolderDataModule
from dlic_registry import DlicError
from lightning_dlic.imaging.color import luma_uint8
from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.fit import fit
from lightning_dlic.transforms.kernels import bell, blurred, draw_kernel, sinc
from lightning_dlic.transforms.realistic import Realistic


def _batches(pictures, transform, workers=0, start=0):
    module = FolderDataModule(str(pictures), crop=48, batch_size=4, workers=workers)
    module.configure(steps=3, start=start, seed=9, transform=transform)
    return list(module.train_dataloader())


def _astronaut(side=128):
    return torch.from_numpy(data.astronaut()[:side, 160 : 160 + side].copy()).permute(2, 0, 1)[None]


def test_the_same_in_every_worker_and_after_resuming(pictures):
    transform = Realistic(2)
    whole = _batches(pictures, transform)
    assert whole[0]["base"].shape == (4, 3, 24, 24)
    for again in (_batches(pictures, pickle.loads(pickle.dumps(transform)), 2), _batches(pictures, transform, 0, 2)):
        for a, b in zip(whole[-len(again) :], again, strict=True):
            assert torch.equal(a["base"], b["base"])


def test_a_picture_depends_on_its_own_key_alone():
    image, keys = _astronaut().repeat(3, 1, 1, 1), np.array([5, 6, 7], np.uint64)
    made = Realistic(4)({"image": image}, keys)["base"]
    turned = Realistic(4)({"image": image}, keys[::-1].copy())["base"]
    assert torch.equal(made, turned.flip(0))
    assert not torch.equal(made[0], made[1])


def test_more_rounds_and_worse_files_do_more_harm():
    image = _astronaut().repeat(12, 1, 1, 1)
    keys, clean = np.arange(12, dtype=np.uint64), torch.nn.functional.avg_pool2d(image.float(), 2)
    mild = {"blur": (0.2, 0.5), "noise": (0, 2), "resize": (0.9, 1.1), "quality": (90, 95)}

    def harm(**arguments):
        base = Realistic(2, **arguments)({"image": image}, keys)["base"].float()
        return (base - clean).square().mean().sqrt().item()

    assert harm(rounds=0, quality=(95, 95)) < harm(rounds=0, quality=(10, 10))
    assert harm(rounds=0, quality=(95, 95)) < harm(**mild) < harm(rounds=1) < harm(rounds=2)


def test_grey_stays_grey_and_ycbcr_is_what_chains_take():
    grey = {"image": luma_uint8(_astronaut(96))}
    assert Realistic(3)(grey, np.array([1], np.uint64))["base"].shape == (1, 1, 32, 32)
    image = {"image": _astronaut(96)}
    rgb, planes = (Realistic(3, ycbcr=y)(image, np.array([4], np.uint64))["base"] for y in (False, True))
    assert (planes[:, :1].int() - luma_uint8(rgb).int()).abs().max() <= 1
    assert 100 < planes[:, 1:].float().mean() < 156


def test_kernels_sum_to_one_and_blur_as_they_say():
    draw = np.random.default_rng(0)
    for kernel in [draw_kernel(draw, 0.2, 3.0) for _ in range(200)]:
        assert kernel.sum() == pytest.approx(1, abs=1e-5)
        assert kernel.shape[0] == kernel.shape[1]
        assert kernel.shape[0] % 2 == 1
    picture = _astronaut(64)[0].permute(1, 2, 0).numpy().astype(np.float32)
    ours = blurred(picture, bell(21, 2.0, 2.0))
    np.testing.assert_allclose(ours, gaussian_filter(picture, (2.0, 2.0, 0), mode="reflect", radius=10), atol=0.01)
    # An ideal low pass that lets everything through is no blur.
    edge = np.zeros((40, 40, 1), np.float32)
    edge[:, 20:] = 1
    assert blurred(edge, sinc(21, np.pi / 3)).max() > 1.03


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"scale": 0}, "scale must be"),
        ({"quality": [90, 30]}, "quality must be two numbers in order"),
        ({"codecs": ["jpg"]}, "Did you mean 'jpeg'"),
        ({"codecs": []}, "names no format"),
        ({"rounds": 9}, "rounds must be"),
    ],
)
def test_mistakes_are_sentences(arguments, said):
    with pytest.raises(DlicError, match=said):
        Realistic(**arguments)


def test_a_crop_too_small_is_a_sentence():
    with pytest.raises(DlicError, match=r"Raise data\.args\.crop"):
        Realistic(4)({"image": _astronaut(12)}, np.array([1], np.uint64))


def test_a_stage_trains_on_it(write_recipe, tmp_path):
    recipe = write_recipe("real", "metrics: {}")
    words = ["data.args.transform={name: realistic, scale: 2, rounds: 1}", "trainer.max_steps=2", "data.args.crop=32"]
    result = fit(load_recipe(recipe, words))
    assert result.figures.net["psnr_y"] > 5
