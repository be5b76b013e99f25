"""Names and arguments against the classes themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lightning_dlic.recipe import RecipeError, check, load_recipe
from lightning_dlic.recipe.find import shipped_names

_PLUGIN = '''
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from dlic_registry import Component, register
from lightning_dlic.stages.sr.base import SuperResolution
from torch import nn

if TYPE_CHECKING:
    from nowhere import Invisible


class Shared(SuperResolution):
    """A base class that others pass keywords to."""

    def __init__(self, *, scale: int, gain: float = 1.0, head: Annotated[Any, Component("net")] = None) -> None:
        super().__init__()


@register("sr", "recipe_toy")
class Toy(Shared):
    """A stage with roles of its own."""

    roles: ClassVar[tuple[str, ...]] = ("left", "right")
    loss_terms: ClassVar[tuple[str, ...]] = ("near",)

    def updates(self, inputs: Any, target: Any) -> Any:
        yield "left", {}

    def __init__(self, depth: int = 2, gain: str = "low", **shared: Any) -> None:
        super().__init__(**shared)


@register("net", "recipe_hidden")
class Hidden(nn.Module):
    """A net whose annotations exist for type checkers only."""

    def __init__(self, shape: "Invisible" = None, width: int = 3) -> None:
        super().__init__()


@register("net", "recipe_open")
class Open(nn.Module):
    """A net that takes any keyword."""

    def __init__(self, **anything: Any) -> None:
        super().__init__()
'''


@pytest.fixture(scope="module", autouse=True)
def toys(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A module of plug-ins that recipes may name."""
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "recipe_toys.py").write_text(_PLUGIN)
    (folder / "recipe_broken.py").write_text("import nowhere_at_all\n")
    sys.path.insert(0, str(folder))


# What SRGAN starts from is not there.
_FRESH = ("stages.sr.init=null",)


def _error(name: str | Path, *overrides: str) -> str:
    recipe = load_recipe(name, overrides)
    with pytest.raises(RecipeError) as caught:
        check(recipe)
    assert len(str(caught.value).splitlines()) <= 5
    return str(caught.value)


def test_a_name_is_looked_up_before_anything_heavy_is_imported() -> None:
    code = (
        "import sys\nfrom lightning_dlic.recipe import RecipeError, check, load_recipe\n"
        "recipe = load_recipe('srgan_div2k', ['stages.sr.name=srgna'])\n"
        "try: check(recipe)\nexcept RecipeError as error: print(error)\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'pytorch_lightning')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0
    assert done.stdout.startswith("command line: stages.sr.name: unknown sr 'srgna'. Did you mean 'srgan'?")


def test_so_is_a_run_to_go_on_with(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom lightning_dlic.training.target import find_target\n"
        "try: find_target('latest')\nexcept Exception as error: print(error)\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'pytorch_lightning')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert (done.returncode, done.stdout[:29]) == (0, "--resume latest: no run below")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in shipped_names() if not name.startswith("pipelines/")])
def test_recipes_that_ship_pass(name: str) -> None:
    # What SRGAN starts from has to be trained first.
    check(load_recipe(name, ["stages.sr.init=null"] if name.startswith("srgan") else []))


@pytest.mark.parametrize("stage", ["srcnn", "srresnet", "srgan", "compact"])
@pytest.mark.parametrize("data", ["sample", "folder", "div2k"])
def test_stage_and_data_swap_by_one_word(stage: str, data: str) -> None:
    folder = [] if data == "sample" else ["data.args.root=anywhere"]
    check(load_recipe("base/sr", [f"stages.sr.name={stage}", f"data.name={data}", *folder]))


@pytest.mark.parametrize("name", ["constant", "cosine", "onecycle"])
def test_schedules_whose_length_the_run_fills_in(name: str) -> None:
    check(load_recipe("quickstart", [f"optim.net.schedule={{name: {name}}}"]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("stages.srr.name=srgan", "command line: stages.srr: no such kind of stage\nDid you mean 'sr'?"),
        ("data.name=div3k", "command line: data.name: unknown data 'div3k'. Did you mean 'div2k'?"),
        ("optim.generator.name=adm", "optim.generator.name: unknown optimizer 'adm'. Did you mean 'adam'?"),
        ("optim.generator.schedule.name=multi", "optim.generator.schedule.name: unknown schedule 'multi'"),
        ("losses.content.name=perceptul", "losses.content.name: unknown loss 'perceptul'. Did you mean 'perceptual'?"),
        ("optim.generator.lr=1e45", "command line: optim.generator.lr: 1e+45 is too large\nThe most is 3.4"),
        ("losses.content.rescale=-1e300", "losses.content.rescale: -1e+300 is too large"),
        ("logger.name=wndb", "logger.name: unknown logger 'wndb'. Did you mean 'wandb'?"),
        (
            "optim.generator.lrr=1",
            "command line: optim.generator.lrr: optimizer adam has no argument 'lrr'\nDid you mean 'lr'?",
        ),
        (
            "optim.generater.lr=1",
            "command line: optim.generater: stage srgan has no role 'generater'\nDid you mean 'generator'?",
        ),
        (
            "losses.adversarail={name: bce}",
            "losses.adversarail: loss bce does not compare an output with a target\nDid you mean 'adversarial'?",
        ),
        ("losses.adversarial={name: l1}", "losses.adversarial: loss l1 does not judge a discriminator"),
        ("discriminator={name: srgan_discriminator}", "discriminator: is a chain's"),
        ("metrics.lpisp={}", "metrics.lpisp.name: unknown metric 'lpisp'. Did you mean 'lpips'?"),
        ("metrics.psnr_y={border: 2}", "metrics.psnr_y.border: metric psnr_y has no argument 'border'"),
        (
            "data.args.transform={degrad: {}}",
            "transform.degrad.name: unknown transform 'degrad'. Did you mean 'degrade'?",
        ),
        ("data.args.transform={degrade: {codek: webp}}", "data.args.transform.degrade.codek: transform degrade has no"),
        ("data.args.transform={degrade: webp}", "data.args.transform.degrade: 'webp' is not a mapping of arguments"),
        (
            "losses.adversarial.smoth=1",
            "losses.adversarial.smoth: loss bce has no argument 'smoth'\nDid you mean 'smooth'?",
        ),
        ("losses.adversarial={name: hinge, smooth: 1}", "loss hinge has no argument 'smooth'\nloss hinge takes: none."),
        ("stages.sr.args.scale=two", "stages.sr.args.scale: 'two' is not a whole number"),
        ("stages.sr.args.scale=4.0", "stages.sr.args.scale: 4.0 is not a whole number\nWrite 4."),
        ("stages.sr.args.scale='4'", "'4' is not a whole number\nIt is text: write it without quotes"),
        ("stages.sr.args.scle=2", "stages.sr.args.scle: sr srgan has no argument 'scle'\nDid you mean 'scale'?"),
        (
            "stages.sr.args.generator=srcnn",
            "stages.sr.args.generator: 'srcnn' is not a mapping with a name\nWrite generator: {name: srcnn}",
        ),
        (
            "stages.sr.args.generator.name=srcnnn",
            "stages.sr.args.generator.name: unknown net 'srcnnn'. Did you mean 'srcnn'?",
        ),
        (
            "stages.sr.args.generator.block=2",
            "stages.sr.args.generator.block: net srresnet has no argument 'block'\nDid you mean 'blocks'?",
        ),
        ("stages.sr.args.generator.scale=2", "stages.sr.args.generator.scale: is set by what uses this net"),
        ("stages.sr.args.generator.width=wide", "stages.sr.args.generator.width: 'wide' is not a whole number"),
        ("optim.generator.betas=[0.9]", "optim.generator.betas: [0.9] is not a list of 2: a number, a number"),
        ("optim.generator.schedule.at=0.5", "is not a list, each a number\nWrite it as a list: [0.5]"),
        ("optim.generator.schedule={name: halved, at: null}", "schedule.at: None is not a list"),
        ("optim.generator.groups={a: {match: x, lrr: 1}}", "groups.a.lrr: optimizer adam has no argument 'lrr'"),
        ("optim.generator.groups={a: {match: x, lr: fast}}", "groups.a.lr: 'fast' is not a number"),
        ("optim.generator.params=1", "optim.generator.params: is set by what uses this optimizer"),
        ("data.args.crop=big", "data.args.crop: 'big' is not a whole number"),
        (
            "data.args.batchsize=4",
            "data.args.batchsize: data div2k has no argument 'batchsize'\nDid you mean 'batch_size'?",
        ),
        ("logger.projct=x", "logger.projct: logger wandb has no argument 'projct'\nDid you mean 'project'?"),
        ("stages.sr.init=nowhere.ckpt", "stages.sr.init: no file 'nowhere.ckpt'\nGive a path from"),
        (
            "stages.sr.init=runs/srresnet_div2k/001/weights.safetensors",
            "/srresnet_div2k/001/weights.safetensors'\nTrain it first: dlic-fit srresnet_div2k. Or give a path from",
        ),
        ("plugins=[recipe_broken]", "command line: plugins: plug-in module 'recipe_broken' does not import"),
        ("trainer.strategy=fsdp", "command line: trainer.strategy: fsdp spreads a network's parameters over"),
        ("trainer.strategy=deepspeed_stage_2", "deepspeed_stage_2 spreads"),
    ],
)
def test_mistakes_are_placed_and_the_nearest_named(override: str, words: str) -> None:
    assert words in _error("srgan_div2k", *_FRESH, override)


def test_a_mistake_in_a_file_is_placed_there(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: [srgan_div2k]\noptim:\n  generator:\n    beta: [0.5, 0.9]\n")
    assert _error(path, *_FRESH).startswith(
        f"{path}:4: optim.generator.beta: optimizer adam has no argument 'beta'\nDid you mean 'betas'?"
    )


def test_another_name_leaves_the_old_ones_arguments_behind() -> None:
    check(load_recipe("srgan_div2k", [*_FRESH, "optim.generator.schedule.name=cosine", "losses.content.name=l1"]))
    check(load_recipe("quickstart", ["stages.sr.name=srcnn", "data.name=folder", "data.args.root=anywhere"]))
    assert "has no argument 'jitter'" in _error("quickstart", "losses.pixel.jitter=1", "losses.pixel.name=mse")


def test_a_missing_argument_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: [base/sr.yaml]\noptim:\n  net: {schedule: {name: multistep}}\n")
    assert _error(path).startswith(f"{path}:3: optim.net.schedule: schedule multistep needs 'milestones'")


# Classes of plug-ins


def _toy(*overrides: str) -> list[str]:
    return ["plugins=[recipe_toys]", "stages.sr={name: recipe_toy, args: {scale: 2}}", *overrides]


def test_plugins_are_imported_and_their_roles_hold() -> None:
    check(load_recipe("base/sr", _toy("optim.left.lr=1", "losses.near={name: l1}")))
    assert "no role 'net'\nIts roles: left, right." in _error("base/sr", *_toy("optim.net.lr=1"))
    assert "no term 'pixel'" in _error("base/sr", *_toy("losses.pixel={name: l1}"))


def test_keywords_passed_on_are_checked_in_the_base_class() -> None:
    check(load_recipe("base/sr", _toy("stages.sr.args.depth=3", "stages.sr.args.gain=high")))
    assert "['low'] is not text" in _error("base/sr", *_toy("stages.sr.args={scale: 2, gain: [low]}"))
    assert "has no argument 'deep'" in _error("base/sr", *_toy("stages.sr.args.deep=3"))
    assert "sr recipe_toy needs 'scale'" in _error("base/sr", *_toy()[:1], "stages.sr={name: recipe_toy, args: null}")


def test_a_class_that_takes_any_keyword_takes_any() -> None:
    check(load_recipe("base/sr", _toy("stages.sr.args.head={name: recipe_open, whatever: 1}")))


def test_annotations_that_cannot_be_resolved_check_names_only() -> None:
    check(load_recipe("base/sr", _toy("stages.sr.args.head={name: recipe_hidden, width: three}")))
    assert "has no argument 'wdth'" in _error("base/sr", *_toy("stages.sr.args.head={name: recipe_hidden, wdth: 3}"))
