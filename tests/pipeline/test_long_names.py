"""Names that no file can have are unknown names, not failures of the machine."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dlic_registry import DlicError
from lightning_dlic.cli.info import describe
from lightning_dlic.pipeline.plan import find_pipeline
from lightning_dlic.recipe import check, load_recipe
from lightning_dlic.zoo import load_net

LONG = "a" * 5000


@pytest.mark.parametrize("name", [LONG, f"{LONG}.yaml", f"x/{LONG}/y.safetensors", "a\0b"])
@pytest.mark.parametrize("use", [find_pipeline, load_net, load_recipe, describe])
def test_long_names(use: Callable[[str], object], name: str) -> None:
    with pytest.raises(DlicError):
        use(name)


def test_long_names_in_recipes(tmp_path: Path, write_recipe: Callable[..., Path]) -> None:
    recipe = write_recipe(body=f"extends: [{LONG}]").read_text().replace("extends: [base/sr.yaml]\n", "")
    (tmp_path / "long.yaml").write_text(recipe)
    with pytest.raises(DlicError):
        load_recipe(str(tmp_path / "long.yaml"))
    with pytest.raises(DlicError, match="no file"):
        check(load_recipe("srresnet_div2k", [f"stages.sr.init={LONG}"]))
    (tmp_path / "pipeline.yaml").write_text(f"stages: {{sr: {{x2: {{weights: {LONG}}}}}}}")
    with pytest.raises(DlicError):
        find_pipeline(tmp_path / "pipeline.yaml")
