"""Schema, interpolation, and what a loaded recipe is."""

from __future__ import annotations

import math
import subprocess
import sys
import typing
from collections import abc
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml

from lightning_dlic.recipe import Recipe, RecipeError, RecipeSpec, TrainerSpec, load_recipe, to_yaml
from lightning_dlic.recipe.find import shipped_names
from lightning_dlic.recipe.pipeline import load_pipeline
from lightning_dlic.recipe.typecheck import conforms, describe

_PIPELINE = """
base: {name: hevc}
scale: 2
stages:
  sr: {name: compact, weights: zoo:some}
hints: {name: grid, args: {budget: auto}}
"""


def _plain(value: Any) -> bool:
    """Whether a value consists of the very types of YAML, no subclass of them."""
    if type(value) is dict:
        return all(type(key) is str and _plain(item) for key, item in value.items())
    if type(value) is list:
        return all(_plain(item) for item in value)
    return value is None or type(value) in (str, int, float, bool)


def _load(text: str, tmp_path: Path, *overrides: str) -> Recipe:
    path = tmp_path / "mine.yaml"
    stages = "" if text.startswith("stages") else "stages: {sr: {name: compact}}"
    path.write_text(f"train: sr\n{stages}\n{text}")
    return load_recipe(path, overrides)


def _error(text: str, tmp_path: Path, *overrides: str) -> str:
    with pytest.raises(RecipeError) as caught:
        _load(text, tmp_path, *overrides)
    assert len(str(caught.value).splitlines()) <= 5
    return str(caught.value).removeprefix(f"{tmp_path}/")


def test_a_short_recipe_has_all_defaults(tmp_path: Path) -> None:
    recipe = _load("", tmp_path)
    assert recipe.train == ["sr"]
    assert recipe.trainer == TrainerSpec()
    assert recipe.data.name == "sample"
    assert (recipe.optim, recipe.losses, recipe.logger, recipe.plugins) == ({}, {}, None, [])
    assert recipe.run.root == "runs"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in shipped_names() if not name.startswith("pipelines/")])
def test_the_resolved_recipe_is_plain_and_loads_as_itself(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    assert _plain(recipe.resolved())
    copy = tmp_path / "recipe.yaml"
    copy.write_text(to_yaml(recipe))
    assert load_recipe(copy) == recipe
    assert load_recipe(copy).name == Path(name).name
    assert "extends" not in yaml.safe_load(copy.read_text())


def test_the_resolved_recipe_survives_strange_values(tmp_path: Path) -> None:
    recipe = _load(
        r"data: {name: x, args: {a: '\${b}', b: 1e-7, c: 'yes', d: '1e5', e: 'é', f: .inf, g: '012'}}", tmp_path
    )
    assert recipe.data.args == {"a": "${b}", "b": 1e-7, "c": "yes", "d": "1e5", "e": "é", "f": math.inf, "g": "012"}
    (tmp_path / "again.yaml").write_text(to_yaml(recipe))
    assert load_recipe(tmp_path / "again.yaml").data == recipe.data


def test_the_resolved_recipe_may_be_printed(tmp_path: Path) -> None:
    texts = {"name": "été", "data.args.a": "x\x1b[2J\x9b\u202e\x7f é", "data.args.b": "c\u2066\r\n"}
    recipe = _load("data: {name: x}", tmp_path, *(f"{key}={text}" for key, text in texts.items()))
    written = to_yaml(recipe)
    assert written.replace("\n", "").isprintable()
    (tmp_path / "again.yaml").write_text(written)
    assert load_recipe(tmp_path / "again.yaml").data.args == {"a": texts["data.args.a"], "b": texts["data.args.b"]}
    assert "été" in to_yaml(_load("", tmp_path, "name=été"))


def test_resolving_is_a_copy(tmp_path: Path) -> None:
    recipe = _load("data: {name: x, args: {a: [1]}}", tmp_path)
    recipe.resolved()["data"]["args"]["a"].append(2)
    assert recipe.data.args == {"a": [1]}


def test_interpolation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLIC_TEST_STEPS", "12")
    monkeypatch.delenv("DLIC_TEST_NONE", raising=False)
    recipe = _load(
        """
trainer: {max_steps: "${oc.env:DLIC_TEST_STEPS}", val_every: "${trainer.max_steps}"}
data:
  name: folder
  args: {root: "${oc.env:DLIC_TEST_NONE,data}/photos", crop: "${oc.decode:${oc.env:DLIC_TEST_STEPS}}", all: "${optim}"}
optim: {net: {lr: 1.0e-3, schedule: {name: cosine, T_max: "${trainer.max_steps}"}}}
""",
        tmp_path,
    )
    assert (recipe.trainer.max_steps, recipe.trainer.val_every) == (12, 12)
    assert recipe.data.args["root"] == "data/photos"
    assert recipe.data.args["crop"] == 12
    assert recipe.optim["net"]["schedule"] == {"name": "cosine", "T_max": 12}
    assert _plain(recipe.resolved())


def test_an_optimizer_is_adam_and_a_loss_weighs_one_unless_said(tmp_path: Path) -> None:
    recipe = _load("optim: {net: {lr: 1}}\nlosses: {pixel: {name: l1}, content: null}", tmp_path)
    assert recipe.optim == {"net": {"name": "adam", "lr": 1}}
    assert recipe.losses == {"pixel": {"name": "l1", "weight": 1.0}, "content": None}
    assert _load("optim: {net: {lr: null}}", tmp_path).optim == {"net": {"name": "adam"}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("optimizer: {}", "mine.yaml:3: optimizer: unknown key\nDid you mean 'optim'?"),
        (
            "trainer: {max_steps: many}",
            "mine.yaml:3: trainer.max_steps: 'many' is not a whole number\nThe default is 100000.",
        ),
        ("trainer: {max_steps: 1e5}", "trainer.max_steps: 100000.0 is not a whole number\nWrite 100000."),
        ("trainer: {max_steps: yes}", "trainer.max_steps: True is not a whole number"),
        ("trainer: {max_steps: null}", "trainer.max_steps: None is not a whole number"),
        ("trainer: {max_steps: 0}", "trainer.max_steps: 0 is too small\nThe least is 1."),
        ("trainer: {ema: 1.0}", "trainer.ema: 1.0 is too large\nIt must be below 1."),
        ("trainer: {ema: .nan}", "trainer.ema: nan"),
        ("trainer: {clip_norm: 0}", "trainer.clip_norm: 0.0 is too small\nIt must be above 0."),
        ("trainer: {compile: maybe}", "trainer.compile: 'maybe' is not true or false"),
        ("trainer: {precision: bf16-mixd}", "trainer.precision: unknown value 'bf16-mixd'\nDid you mean 'bf16-mixed'?"),
        ("trainer: 5", "mine.yaml:3: trainer: 5 is not a mapping"),
        ("trainer: [5]", "trainer: [5] is not a mapping"),
        ("plugins: mine", "mine.yaml:3: plugins: 'mine' is not a list\nWrite plugins: [mine]"),
        ("data: folder", "mine.yaml:3: data: 'folder' is not a mapping\nWrite data: {name: folder}"),
        ("data: {name: [a]}", "data.name: ['a'] is not text"),
        ("data: {args: {a: 1}, nam: x}", "data.nam: unknown key\nDid you mean 'name'?"),
        ("data: {args: 3}", "data.args: 3 is not a mapping"),
        ("data: {args: {root: '???'}}", "mine.yaml:3: data.args.root: has no value\nGive it one in the recipe"),
        ("stages: {colorization: {args: {}}}", "stages.colorization.name: has no value"),
        ("optim: {net: adam}", "mine.yaml:3: optim.net: 'adam' is not a mapping with a name\nWrite net: {name: adam}"),
        ("optim: {net: {lr: fast}}", "optim.net.lr: 'fast' is not a number"),
        ("optim: {net: {lr: '1e-4'}}", "optim.net.lr: '1e-4' is not a number\nIt is text: write it without quotes"),
        (
            "optim: {net: {schedule: cosine}}",
            "optim.net.schedule: 'cosine' is not a mapping with a name\nWrite schedule:",
        ),
        (
            "optim: {net: {groups: tail.*}}",
            "optim.net.groups: 'tail.*' is not a mapping of groups\nWrite groups: {last: {match:",
        ),
        ("optim: {net: {groups: {a: {lr: 1}}}}", "optim.net.groups.a: has no pattern of parameters' names"),
        ("losses: {pixel: l1}", "losses.pixel: 'l1' is not a mapping with a name\nWrite pixel: {name: l1}"),
        ("losses: {pixel: {weight: 1}}", "losses.pixel: has no name"),
        ("losses: {pixel: {nam: l1}}", "Did you mean 'nam'?"),
        ("losses: {pixel: {name: l1, weight: heavy}}", "losses.pixel.weight: 'heavy' is not a number"),
        ("logger: wandb", "logger: 'wandb' is not a mapping with a name\nWrite logger: {name: wandb}"),
        ("seed: ${sed}", "mine.yaml:3: seed: '${sed}' leads nowhere"),
        ("seed: ${oc.env:DLIC_TEST_NONE}", "seed: '${oc.env:DLIC_TEST_NONE}': the environment variable is not set"),
        ("seed: ${oc.env:DLIC_TEST_NONE,many}", "does not give a whole number"),
        ("seed: ${eval:1}", "calls an unknown resolver"),
        ("seed: ${", "is not an interpolation"),
        (
            "data: {name: x, args: {a: '${data.args.b}', b: '${data.args.a}'}}",
            "data.args.a: '${data.args.b}' interpolates",
        ),
        ("data: {name: x, args: {a: '${data}'}}", "in a circle"),
        ("optim: '${data.name}'", "mine.yaml:3: optim: '${data.name}' does not give a mapping"),
        (r"optim: '\${x}'", "mine.yaml:3: optim: '${x}' is not a mapping"),
        (r"plugins: '\${x}'", "mine.yaml:3: plugins: '${x}' is not a list"),
        ("trainer: '${optim}'\noptim: {net: {lr: 1}}", "trainer"),
        (
            "data: {name: x, args: {sr: {nam: 1}}}\nlosses: '${data.args}'",
            "losses.sr: only a chain's stages have terms of their own",
        ),
        ("data: {name: x, args: {a: '${data.args.b}', b: {c: '${data.args.a}'}}}", "in a circle"),
    ],
)
def test_mistakes_in_values(tmp_path: Path, text: str, words: str) -> None:
    assert words in _error(text, tmp_path)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train=rs", "command line: train: no stage 'rs'"),
        ("train=[sr, color]", "no stage 'color'\nUnder stages: sr."),
        ("train=[sr, sr]", "train: 'sr' stands there twice"),
        ("train={sr: 1}", "not a stage or a list of stages"),
        ("train=null", "train: missing: this recipe trains nothing"),
    ],
)
def test_mistakes_in_what_is_trained(tmp_path: Path, override: str, words: str) -> None:
    assert words in _error("", tmp_path, override)


def test_a_pipeline_loads_as_one_and_only_as_one(tmp_path: Path) -> None:
    path = tmp_path / "photo.yaml"
    path.write_text(_PIPELINE)
    pipeline = load_pipeline(path)
    assert (pipeline.base.name, pipeline.scale, pipeline.hints.args) == ("hevc", 2, {"budget": "auto"})
    assert pipeline.networks == {"sr": {0: "zoo:some"}}
    with pytest.raises(RecipeError, match="this is a pipeline, which trains nothing"):
        load_recipe(path)
    with pytest.raises(RecipeError, match="a pipeline trains nothing"):
        load_pipeline("quickstart")
    with pytest.raises(RecipeError, match="command line: scale: 'big' is neither auto nor a whole number"):
        load_pipeline(path, ["scale=big"])


def test_loading_imports_neither_torch_nor_lightning() -> None:
    code = (
        "import sys; from lightning_dlic.recipe import load_recipe; load_recipe('srgan_div2k');"
        "sys.exit(any(name in sys.modules for name in ('torch', 'pytorch_lightning', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=300).returncode == 0


def test_every_key_of_the_schema_is_described() -> None:
    source = Path(sys.modules[RecipeSpec.__module__].__file__ or "").read_text()
    for spec in (RecipeSpec, TrainerSpec):
        for item in fields(spec):
            lines = source.splitlines()
            at = next(n for n, line in enumerate(lines) if line.startswith(f"    {item.name}: "))
            assert lines[at + 1].startswith('    """'), item.name


@pytest.mark.parametrize(
    ("annotation", "right", "wrong"),
    [
        (int, [3, -1], [1.5, True, "3", None, [3]]),
        (float, [3, 0.5], [True, "0.5", None]),
        (bool, [True], [1, "true"]),
        (str, ["a"], [1, None]),
        (int | None, [1, None], ["x"]),
        (typing.Optional[float], [1, None], ["x"]),  # noqa: UP045
        (Literal["a", 2], ["a", 2], ["b", True, 1]),
        (list[int], [[], [1, 2]], [["a"], 1, "ab"]),
        (tuple[float, float], [[0.9, 0.99]], [[0.9], [1, 2, 3], 1.0]),
        (tuple[int, ...], [[], [1, 2]], [["a"]]),
        (abc.Sequence[str], [["a"]], ["a", [1]]),
        (dict[str, int], [{"a": 1}], [{"a": "b"}, [1]]),
        (abc.Mapping[str, Any], [{"a": "b"}], ["a"]),
        (Path | str | list[Path], ["a", ["a", "b"]], [1, [1]]),
        (Annotated[int, "note"], [1], ["a"]),
        (float | Recipe, [1.0], ["two"]),
        (Any, [1, "a", None], []),
        (Recipe, ["whatever"], []),
    ],
)
def test_types_of_arguments(annotation: Any, right: list[Any], wrong: list[Any]) -> None:
    assert [value for value in right if not conforms(value, annotation)] == []
    assert [value for value in wrong if conforms(value, annotation)] == []


def test_types_in_words() -> None:
    assert describe(int | None) == "a whole number or null"
    assert describe(float | Recipe) == "a number"
    assert describe(Literal["cos", "linear"]) == "one of 'cos', 'linear'"
    assert describe(tuple[float, float]) == "a list of 2: a number, a number"
    assert describe(list[int] | Path) == "a list, each a whole number or a path"
