"""Stages and data swap by one word."""

from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.fit import fit

RECIPE = """\
extends: [base/sr.yaml]
stages: {{sr: {{name: {stage}, args: {{scale: 2}}}}}}
data: {{name: {data}, args: {{crop: 16, batch_size: 2, workers: 0, val_limit: 1, val_crop: 24}}}}
trainer: {{accelerator: cpu, devices: 1, max_steps: 1, progress: false}}
run: {{root: "{root}/runs"}}
"""


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``$DLIC_DATA`` as a user may have it: photographs and DIV2K in its own layout."""
    root = tmp_path_factory.mktemp("data")
    for number, part in enumerate(("photos/train", "photos/valid", "DIV2K/DIV2K_train_HR", "DIV2K/DIV2K_valid_HR")):
        (root / part).mkdir(parents=True)
        Image.fromarray(data.astronaut()[number * 32 : number * 32 + 32, :40]).save(root / part / f"{number:04d}.png")
    return root


@pytest.mark.slow
@pytest.mark.parametrize("source", ["sample", "folder", "div2k"])
@pytest.mark.parametrize("stage", ["srcnn", "srresnet", "srgan", "compact"])
def test_one_word_of_a_recipe_swaps_stage_or_data(
    stage: str, source: str, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLIC_DATA", str(data_folder))
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(RECIPE.format(stage=stage, data=source, root=tmp_path))
    result = fit(load_recipe(recipe))
    assert result.batches == 1
    assert result.figures is not None
    assert result.figures.pictures == 1
