"""Large pictures and their small ones: found by name, cut together."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_maker import encoded, noise

from dlic_datamodules.errors import DataError
from dlic_datamodules.paired import PairedDataModule
from dlic_registry import DlicError
from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.fit import fit


def _write(root: Path, names: dict[str, str], scale: int = 2, part: str = "") -> None:
    """Pairs by name of the large and of the small one; each small pixel is ``scale`` x ``scale`` large ones."""
    for number, (large, small) in enumerate(names.items()):
        pixels = noise(20 + number, 30 - number, seed=number)
        for path, data in (
            (root / "hr" / part / large, pixels.repeat(scale, 0).repeat(scale, 1)),
            (root / "lr" / part / small, pixels),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(data))


def _pairs(root: Path, **arguments: object) -> PairedDataModule:
    options = {"crop": 16, "batch_size": 4, "workers": 0, "valid_fraction": 0.0} | arguments
    return PairedDataModule(str(root / "hr"), base=str(root / "lr"), **options)


NAMES = {
    "0001.png": "0001x2.png",
    "b_HR.png": "b_LR.png",
    "c.png": "sub/c.png",
    "img_4_SRF_2_HR.png": "img_4_SRF_2_LR.png",
}


@pytest.mark.parametrize("cache", [True, False])
def test_both_sides_show_the_same_part_turned_alike(cache: bool, tmp_path: Path) -> None:
    _write(tmp_path, NAMES)

    def batches(workers: int, start: int = 0) -> list[dict[str, torch.Tensor]]:
        data = _pairs(tmp_path, workers=workers, to_gray=0.3, cache=cache, scale=2)
        data.configure(steps=6, start=start, seed=3)
        return list(data.train_dataloader())

    whole = batches(0)
    for batch in whole:
        assert batch["image"].shape == (4, 3, 16, 16)
        assert batch["base"].shape == (4, 3, 8, 8)
        assert torch.equal(batch["image"][..., ::2, ::2], batch["base"])
    assert len({batch["base"].numpy().tobytes() for batch in whole}) == 6
    for a, b in zip(whole[2:], batches(2, start=2), strict=True):
        assert torch.equal(a["image"], b["image"])
        assert torch.equal(a["base"], b["base"])


def test_small_pairs_are_mirrored_alike_and_whole_ones_cut_alike(tmp_path: Path) -> None:
    _write(tmp_path, NAMES)
    data = _pairs(tmp_path, crop=96, small="pad")
    data.configure(steps=2)
    for batch in data.train_dataloader():
        assert torch.equal(batch["image"][..., ::2, ::2], batch["base"])
    valid = _pairs(tmp_path, valid=str(tmp_path / "hr"), val_crop=21)
    for batch in valid.val_dataloader():
        assert batch["image"].shape == (1, 3, 20, 20)
        assert torch.equal(batch["image"][..., ::2, ::2], batch["base"])
    assert [batch["name"][0] for batch in valid.val_dataloader()] == sorted(NAMES)


def test_parts_that_use_the_same_names_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for part in ("train", "valid"):
        _write(tmp_path, {f"{n}.png": f"{n}x2.png" for n in range(3)}, part=part)
    (tmp_path / "lr" / "valid" / "0x2.png").write_bytes(encoded(noise(20, 30, seed=77)))
    data = _pairs(tmp_path)
    bases = [batch["base"][0].numpy() for batch in data.val_dataloader()]
    np.testing.assert_array_equal(bases[0], noise(20, 30, seed=77).transpose(2, 0, 1))
    assert data.summary()["scale"] == 2
    assert sorted(data.summary()["cache"]) == ["valid large", "valid small"]


def test_pairs_of_which_one_cannot_be_used_are_left_out(tmp_path: Path) -> None:
    _write(tmp_path, NAMES)
    (tmp_path / "lr" / "b_LR.png").write_bytes(b"nothing")
    (tmp_path / "hr" / "c.png").write_bytes(b"nothing")
    data = _pairs(tmp_path, on_error="skip", max_failed=0.5)
    data.configure(steps=4)
    assert all(torch.equal(batch["image"][..., ::2, ::2], batch["base"]) for batch in data.train_dataloader())
    pictures = data.pictures("train")
    assert pictures is not None
    assert [pictures.name(i) for i in range(len(pictures))] == ["0001.png", "img_4_SRF_2_HR.png"]


def _lone(root: Path) -> None:
    (root / "lr" / "b_LR.png").unlink()


def _shared(root: Path) -> None:
    (root / "hr" / "b_GT.png").write_bytes(encoded(noise(40, 60)))


def _unclear(root: Path) -> None:
    (root / "lr" / "b-x2.png").write_bytes(encoded(noise(20, 30)))


def _resized(root: Path) -> None:
    (root / "lr" / "b_LR.png").write_bytes(encoded(noise(20, 30)))


@pytest.mark.parametrize(
    ("spoil", "arguments", "message"),
    [
        (_lone, {}, r"1 of 4 pictures have no small one of their name under .*lr: b_HR.png"),
        (_shared, {}, r"b_LR.png would be the small picture of b_GT.png and b_HR.png"),
        (_unclear, {}, r"b_HR.png may belong to .* nothing tells which"),
        (_resized, {}, r"b_HR.png has 58x42 pixels, its small picture b_LR.png 30x20: not a 2th"),
        (None, {"scale": 3}, "0001.png has 60x40 pixels, its small picture 0001x2.png 30x20: not a 3th"),
        (None, {"crop": 15}, "scale 2 does not divide\nTake 14"),
        (None, {"scale": 0}, "scale must be"),
        (None, {"downsize": 2.0}, "downsize must be 1 for pairs"),
        (None, {"transform": {"name": "degrade"}}, "pairs are taken as they are"),
    ],
)
def test_what_does_not_fit_is_named(
    spoil: Callable[[Path], None] | None, arguments: dict[str, object], message: str, tmp_path: Path
) -> None:
    _write(tmp_path, NAMES)
    if spoil is not None:
        spoil(tmp_path)
    with pytest.raises(DataError, match=message):
        _pairs(tmp_path, **arguments).setup("fit")


@pytest.mark.slow
def test_super_resolution_learns_from_pairs(tmp_path: Path, write_recipe: Callable[..., Path]) -> None:
    for part in ("train", "valid"):
        _write(tmp_path, {f"{n}.png": f"{n}x2.png" for n in range(3)}, part=part)
    recipe = write_recipe()
    words = ["data.name=paired", f"data.args.root={tmp_path / 'hr'}", f"data.args.base={tmp_path / 'lr'}"]
    result = fit(load_recipe(recipe, [*words, "trainer.max_steps=2"]))
    assert result.figures is not None
    assert result.figures.pictures == 3
    stated = json.loads(result.run.result.read_text())
    assert stated["protocol"]["resizer"] == f"the input is the picture of the same name below {tmp_path / 'lr'}"
    with pytest.raises(DlicError, match=r"data.args.scale is 3, the stage's 2"):
        fit(load_recipe(recipe, [*words, "data.args.scale=3"]))
