"""A training that validates on several sets."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from dlic_registry import DlicError
from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.fit import fit
from lightning_dlic.zoo import inspect_net


@pytest.mark.parametrize(("words", "followed"), [([], "valid"), (["trainer.best_on=coins"], "coins")])
def test_each_set_is_reported_under_its_name_and_best_follows_one(
    words: list[str], followed: str, tmp_path: Path, write_recipe: Callable[..., Path]
) -> None:
    for name, picture in (("coins", data.coins()), ("brick", data.brick())):
        (tmp_path / name).mkdir()
        Image.fromarray(picture[:48, :56]).save(tmp_path / name / "0.png")
    sets = [f"data.args.valid_sets.{name}={tmp_path / name}" for name in ("coins", "brick")]
    recipe = write_recipe()
    result = fit(load_recipe(recipe, [*sets, *words]))
    with result.run.metrics.open(newline="") as file:
        rows = list(csv.DictReader(file))
    logged = {
        name: [float(row[key]) for row in rows if row[key]]
        for name, key in (("valid", "val/psnr_y"), ("coins", "val/coins/psnr_y"), ("brick", "val/brick/psnr_y"))
    }
    assert [len(values) for values in logged.values()] == [2, 2, 2]
    best = max(logged[followed])
    assert inspect_net(result.run.best)["psnr_y"] == pytest.approx(best, abs=1e-3)
    stated = json.loads(result.run.result.read_text())
    assert {name: figures["pictures"] for name, figures in stated["sets"].items()} == {
        "valid": 2,
        "coins": 1,
        "brick": 1,
    }
    assert stated["figures"] == stated["sets"][followed]
    for name, values in logged.items():
        assert stated["sets"][name]["net"]["psnr_y"] == pytest.approx(values[-1], abs=1e-3)
    with pytest.raises(DlicError, match=r"trainer.best_on: no validation set 'brik'\nDid you mean 'brick'\?"):
        fit(load_recipe(recipe, [*sets, "trainer.best_on=brik"]))
