"""What recipes extend, and what the command line overrides."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightning_dlic.recipe import Recipe, RecipeError, load_recipe
from lightning_dlic.recipe.inherit import SHARED_DATA
from lightning_dlic.recipe.signature import signature


def _write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)


def _error(source: Path | str, *overrides: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(source, overrides)
    assert len(str(caught.value).splitlines()) <= 5
    return str(caught.value)


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe that extends two others, one of which extends a third in another folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep").mkdir()
    _write(
        tmp_path / "deep",
        root="name: root\nseed: 1\nstages:\n  sr: {name: compact, args: {scale: 2, widths: [1, 2]}}\n",
    )
    _write(
        tmp_path,
        left="extends: [deep/root.yaml]\ntrain: sr\nseed: 2\n",
        right="seed: 3\ntrainer: {max_steps: 7, val_every: 7}\n",
        child="extends: [left.yaml, right.yaml]\nstages:\n  sr:\n    args: {widths: [9]}\n",
    )
    return tmp_path


def test_mappings_merge_lists_replace_and_the_last_wins(family: Path) -> None:
    recipe = load_recipe("child.yaml")
    assert recipe.seed == 3
    assert recipe.trainer.max_steps == 7
    assert recipe.stages["sr"].name == "compact"
    assert recipe.stages["sr"].args == {"scale": 2, "widths": [9]}
    assert recipe.name == "child"


def test_positions_survive_extending(family: Path) -> None:
    recipe = load_recipe("child.yaml", ["trainer.val_every=2"])
    assert recipe.where("seed") == "right.yaml:1"
    assert recipe.where("trainer.max_steps") == "right.yaml:2"
    assert recipe.where("trainer.val_every") == "command line"
    assert recipe.where("stages.sr.name") == "deep/root.yaml:4"
    assert recipe.where("stages.sr.args.widths[0]") == "child.yaml:4"
    assert recipe.where("stages.sr.args.nothing") == "child.yaml:4"
    assert recipe.where("optim.net.lr") == "child.yaml"


def test_a_replaced_mapping_takes_its_positions_along(family: Path) -> None:
    _write(family, top="extends: [child.yaml]\nstages: null\n")
    recipe = load_recipe("top.yaml", ["stages.sr={name: srcnn}"])
    assert recipe.stages["sr"].args == {}
    assert recipe.where("stages.sr.args.scale") == "command line"


def test_another_name_does_not_inherit_the_old_ones_arguments(family: Path) -> None:
    _write(
        family,
        first="""\
train: sr
run: {name: first, root: elsewhere}
stages: {sr: {name: srgan, init: zoo:x, args: {scale: 4, generator: {name: srresnet, blocks: 3}}}}
optim: {generator: {name: adam, lr: 0.5, betas: [0.1, 0.2], schedule: {name: halved, at: [0.1]}}}
losses: {content: {name: perceptual, layer: "1_2", weight: 3.0}, pixel: {name: charbonnier, epsilon: 0.1}}
data: {name: div2k, args: {root: there, name: of_a_set, crop: 7, augment: false}}
""",
        second="""\
extends: [first.yaml]
run: {name: second}
stages: {sr: {args: {generator: {name: compact}}}}
optim: {generator: {name: sgd, momentum: 0.9, schedule: {name: cosine}}}
losses: {content: {name: other}, pixel: {name: charbonnier, weight: 2.0}}
data: {name: folder, args: {crop: 8}}
""",
    )
    recipe = load_recipe("second.yaml")
    # Rates, schedules, weights and how batches are cut belong to their places; a run is no component.
    assert recipe.run.root == "elsewhere"
    assert recipe.stages["sr"].args == {"scale": 4, "generator": {"name": "compact"}}
    assert recipe.optim["generator"] == {"name": "sgd", "momentum": 0.9, "lr": 0.5, "schedule": {"name": "cosine"}}
    assert recipe.losses["content"] == {"name": "other", "weight": 3.0}
    assert recipe.losses["pixel"] == {"name": "charbonnier", "epsilon": 0.1, "weight": 2.0}
    assert recipe.data.args == {"crop": 8, "augment": False}
    assert recipe.where("losses.content.layer") == "second.yaml:5"
    # On the command line what stands beside a new name is its own, on whichever side of it.
    words = ["stages.sr.args.scale=2", "stages.sr.name=srcnn", "data.args={name: mine}", "data.args.crop=9"]
    other = load_recipe("second.yaml", words)
    assert (other.stages["sr"].args, other.stages["sr"].init) == ({"scale": 2}, "zoo:x")
    assert other.data.args == {"name": "mine", "crop": 9, "augment": False}


def test_arguments_that_all_sets_share_are_known() -> None:
    from dlic_datamodules.base import PictureDataModule

    assert set(SHARED_DATA) == set(signature(PictureDataModule).arguments)


def test_recipes_that_ship_are_extended_by_name_from_anywhere(tmp_path: Path) -> None:
    _write(tmp_path, mine="extends: [quickstart]\nseed: 5\n", other="extends: [base/sr.yaml]\n")
    assert load_recipe(tmp_path / "mine.yaml").stages["sr"].name == "compact"
    assert load_recipe(tmp_path / "other.yaml").train == ["sr"]


def test_a_file_beside_wins_over_one_that_ships(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    _write(tmp_path / "base", sr="train: sr\nstages: {sr: {name: srcnn}}\n")
    _write(tmp_path, mine="extends: [base/sr.yaml]\n")
    assert load_recipe(tmp_path / "mine.yaml").stages["sr"].name == "srcnn"


def test_a_circle_is_named_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _write(
        tmp_path,
        start="extends: [a.yaml]",
        a="train: sr\nextends: [b.yaml]",
        b="extends: [c.yaml]",
        c="extends: [a.yaml]",
        own="extends: [own.yaml]",
    )
    message = _error("start.yaml")
    assert "a.yaml -> b.yaml -> c.yaml -> a.yaml" in message
    assert message.startswith("c.yaml:1: extends:")
    assert "own.yaml -> own.yaml" in _error("./own.yaml")


def test_extending_one_file_twice_is_no_circle(family: Path) -> None:
    _write(family, twice="extends: [left.yaml, deep/root.yaml, left.yaml]\n")
    assert load_recipe("twice.yaml").seed == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "train: sr\nextends: [lefft.yaml]\n",
            "mine.yaml:2: extends: no recipe 'lefft.yaml'\nDid you mean 'left.yaml'?",
        ),
        ("extends: [base/sd.yaml]\n", "Did you mean 'base/sr.yaml'?"),
        ("extends: left.yaml\n", "mine.yaml:1: extends: 'left.yaml' is not a list"),
        ("extends: [{a: 1}]\n", "is not a list of recipes"),
        ("extends: [deep]\n", "mine.yaml:1: extends: is a folder, not a recipe\nIn it: root.yaml"),
    ],
)
def test_mistakes_in_extends(family: Path, text: str, words: str) -> None:
    _write(family, mine=text)
    assert words in _error("mine.yaml")


def test_a_mistake_in_an_extended_file_names_that_file(family: Path) -> None:
    _write(family, right="trainer:\n  max_stps: 3\n")
    assert _error("child.yaml").startswith("right.yaml:2: trainer.max_stps: unknown key\nDid you mean 'max_steps'?")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("recipes/srgna_div2k.yaml", "recipes/srgan_div2k.yaml"),
        ("recipes/srgna_div2k", "recipes/srgan_div2k"),
        ("srgna_div2k", "srgan_div2k"),
        ("quikstart.yaml", "quickstart.yaml"),
        ("./chidl.yaml", "./child.yaml"),
        ("deep/rot.yaml", "deep/root.yaml"),
    ],
)
def test_an_unknown_recipe_suggests_the_nearest(family: Path, name: str, nearest: str) -> None:
    message = _error(name)
    assert f"no recipe {name!r}" in message
    assert f"Did you mean {nearest!r}?" in message


def test_a_folder_is_no_recipe(family: Path) -> None:
    assert "deep: is a folder, not a recipe\nIn it: root.yaml" in _error("deep")


# Overrides


def _with(*overrides: str) -> Recipe:
    return load_recipe("srgan_div2k", overrides)


def test_overrides_reach_deep_and_the_last_wins() -> None:
    recipe = _with("optim.generator.lr=1e-5", "trainer.max_steps=2", "trainer.max_steps=3", "stages.sr.args.new={a: 1}")
    assert recipe.optim["generator"]["lr"] == 1e-5
    assert recipe.optim["generator"]["name"] == "adam"
    assert recipe.trainer.max_steps == 3
    assert recipe.stages["sr"].args["new"] == {"a": 1}


def test_what_an_agent_of_wandb_writes_is_understood() -> None:
    recipe = _with("trainer.ema=None", "trainer.compile=True", "optim.generator.lr=1e-05", "data.args.flip=False")
    assert recipe.trainer.ema is None
    assert recipe.trainer.compile is True
    assert recipe.optim["generator"]["lr"] == 1e-5
    assert recipe.data.args["flip"] is False
    assert _with("optim={'generator': {'lr': 0.5}}").optim["generator"] == {**_with().optim["generator"], "lr": 0.5}


def test_null_empties_a_mapping() -> None:
    recipe = _with("data.args=null", "data.args.crop=8", "optim.discriminator=null", "losses.content=null")
    assert recipe.data.args == {"crop": 8}
    assert list(recipe.optim) == ["generator"]
    assert recipe.losses["content"] is None
    assert _with("losses=null").losses == {}
    assert _with("logger=").logger is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("foo", "command line: 'foo': not an override\nWrite key=value"),
        ("=1", "not an override"),
        ("a..b=1", "not an override"),
        ("a .b=1", "not an override"),
        ("data.args.roots[0]=1", "not an override"),
        ("", "not an override"),
        ("--optim.generator.lr=1", "Write optim.generator.lr=1; in a W&B sweep use ${args_no_hyphens}."),
        ("extends=[quickstart]", "command line: extends: cannot be overridden"),
        ("stages.sr.name.x=1", "command line: stages.sr.name.x: stages.sr.name is 'srgan', not a mapping"),
        ("train.x=1", "train.x: train is 'sr', not a mapping"),
        ("optim.generator.schedule.at.0=1", "Lists are replaced whole."),
        ("optim.generator=[1, 2", "command line: optim.generator: '[1, 2' is not a YAML value"),
        ("train=[sr, 'b]", "Quote it: 'train=\"...\"'"),
        ("data.args={a: 1, a: 2}", "command line: data.args: 'a' stands here twice"),
        ("trainer.max_stps=1", "command line: trainer.max_stps: unknown key\nDid you mean 'max_steps'?"),
    ],
)
def test_mistakes_in_overrides(text: str, words: str) -> None:
    assert words in _error("srgan_div2k", text)
