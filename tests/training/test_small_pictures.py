"""Validation pictures that are too small to be measured are named at the start and left out."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from dlic_registry import DlicError
from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.fit import fit

Write = Callable[..., Path]


@pytest.fixture
def valid(tmp_path: Path) -> Path:
    folder = tmp_path / "valid"
    folder.mkdir()
    Image.effect_noise((40, 30), 50).save(folder / "large.png")
    Image.effect_noise((5, 40), 50).save(folder / "icon.png")
    return folder


@pytest.mark.parametrize("cache", ["true", "false"])
def test_small_pictures_are_named_and_left_out(
    write_recipe: Write, valid: Path, cache: str, caplog: pytest.LogCaptureFixture
) -> None:
    words = [f"data.args.valid={valid}", f"data.args.cache={cache}", "trainer.max_steps=1", "trainer.progress=false"]
    with caplog.at_level(logging.WARNING, "dlic.data"):
        run = fit(load_recipe(write_recipe(), words)).run
    assert any("icon.png" in record.getMessage() for record in caplog.records)
    assert json.loads(run.result.read_text())["figures"]["pictures"] == 1


def test_nothing_but_small_pictures_ends_before_the_first_batch(write_recipe: Write, valid: Path) -> None:
    (valid / "large.png").unlink()
    path = write_recipe()
    with pytest.raises(DlicError, match=r"all of 1 valid pictures are smaller than 6 pixels.*icon\.png"):
        fit(load_recipe(path, [f"data.args.valid={valid}"]))
    with pytest.raises(DlicError, match=r"data\.args\.val_crop must be at least 6"):
        fit(load_recipe(path, ["data.args.val_crop=5"]))
    assert not list(path.parent.glob("runs/*/*"))
