"""What docs/reference/recipes.md shows is true."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from lightning_dlic.recipe import RecipeSpec, TrainerSpec, check, load_recipe
from lightning_dlic.recipe.find import shipped_names
from lightning_dlic.recipe.pipeline import PipelineSpec, check_pipeline, load_pipeline

_TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "recipes.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", _TEXT, flags=re.DOTALL)


def test_its_recipes_load(tmp_path: Path) -> None:
    *trainings, pipeline = _blocks("yaml")
    for number, training in enumerate(trainings):
        (tmp_path / f"training{number}.yaml").write_text(training)
        check(load_recipe(tmp_path / f"training{number}.yaml"), weights=False)
    (tmp_path / "pipeline.yaml").write_text(pipeline)
    check_pipeline(load_pipeline(tmp_path / "pipeline.yaml"))


def test_its_python_runs() -> None:
    (code,) = _blocks("python")
    names: dict[str, object] = {}
    exec(code, names)
    recipe = names["recipe"]
    assert getattr(recipe, "name", None) == "compact_div2k"


def test_it_names_every_key_and_recipe() -> None:
    keys = [item.name for item in fields(RecipeSpec)] + [item.name for item in fields(TrainerSpec)]
    for key in keys:
        assert re.search(rf"`{key}[`.]", _TEXT), key
    pipelines = _TEXT[_TEXT.index("## Pipelines") :]
    assert all(re.search(rf"`{item.name}[`.]", pipelines) for item in fields(PipelineSpec) if item.name != "name")
    for name in shipped_names():
        assert f"`{name}`" in _TEXT or name.startswith("pipelines/")
