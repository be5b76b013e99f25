"""Pipelines as recipes: what they may say, loaded by the rules of all recipes and checked against what they name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from dlic_registry import DlicError, RegistryError, get, import_plugins, load, stage_kinds
from lightning_dlic.imaging.limits import MAX_SCALE
from lightning_dlic.kinds.order import in_order
from lightning_dlic.recipe.check import Part, check_part, look_up
from lightning_dlic.recipe.compose import shown_path
from lightning_dlic.recipe.errors import RecipeError, nearest, show
from lightning_dlic.recipe.find import find, shipped_folder
from lightning_dlic.recipe.load import check_ranges
from lightning_dlic.recipe.loaded import Loaded
from lightning_dlic.recipe.opened import open_recipe
from lightning_dlic.recipe.schema import NamedSpec
from lightning_dlic.zoo.cards import OURS, names_card, shipped_weights
from lightning_dlic.zoo.files import inspect_net
from lightning_dlic.zoo.hub import fetch_folder, names_hub

AUTO, BASE, NONE = "auto", "base", "none"
_FILE = "pipeline.yaml"
_NEVER_LOADED = (("codec", AUTO), ("downsize", "bicubic"))
"""Names that stand for code of our own: a file decodes where torch, which all operators import, is not there."""
_TRAINING = ("train", "optim", "losses", "data", "trainer", "logger", "run")
_SCALE = re.compile(r"x([1-9]\d?)")


@dataclass
class PipelineSpec:
    """A pipeline's file, ``extends`` aside."""

    name: str = MISSING
    """Name in tables; the file's name by default, and never inherited."""

    number: int | None = field(default=None, metadata={"least": 0, "most": 255})
    """Its byte in a bitstream; never inherited, and given to pipelines that ship alone."""

    plugins: list[str] = field(default_factory=list)
    """Modules to import first: they register classes by decorator."""

    base: NamedSpec = field(default_factory=lambda: NamedSpec(AUTO))
    """Base codec, or ``{name: auto}`` for the one that does best on each picture."""

    scale: Any = AUTO
    """Factor of downsizing: auto, or a whole number."""

    stages: dict[str, Any] = field(default_factory=dict)
    """Networks by kind: ``{weights: zoo:NAME}``, or by scale ``{x2: {weights: ...}, x4: ...}``."""

    hints: NamedSpec = field(default_factory=lambda: NamedSpec(BASE))
    """Where colour comes from: base, none, auto, or a kind of hints, with ``args: {budget: BYTES}``."""

    downsize: NamedSpec = field(default_factory=lambda: NamedSpec("bicubic"))
    """What makes the base layer small; the encoder's alone."""

    alpha: Any = 0.0
    """How much networks may make up: 0, faithful, to 1, vivid; or auto for whatever looks best."""

    metric: str = AUTO
    """What the search is best by: auto, ssim, psnr, color, lpips or look; the encoder's alone."""

    always: bool = False
    """Whether networks are used wherever there are some, rather than where they score better than interpolation."""


@dataclass(kw_only=True)
class PipelineRecipe(PipelineSpec, Loaded):
    """A pipeline as loaded: composed, interpolated, checked, plain Python values throughout."""

    scale: int | str = AUTO
    alpha: float | str = 0.0

    def resolved(self) -> dict[str, Any]:
        """The recipe as one mapping of plain values: no ``extends``, no interpolation, every default written out."""
        return asdict(PipelineSpec(**{item.name: getattr(self, item.name) for item in fields(PipelineSpec)}))

    @property
    def ships(self) -> bool:
        """Whether its file is one of those that ship."""
        folder = shipped_folder()
        return folder is not None and self.path.resolve().is_relative_to(folder.resolve())

    @property
    def networks(self) -> dict[str, dict[int, str]]:
        """Weights by kind and scale; 0 stands for a network that serves at every scale."""
        found: dict[str, dict[int, str]] = {}
        for kind, role, spec, _ in placed(self):
            found.setdefault(kind, {})[role] = self.located(spec["weights"])
        return found

    def arguments(self, spec: NamedSpec) -> dict[str, Any]:
        """A component's arguments, with paths as everyone finds them."""
        return {key: self._found(value) for key, value in spec.args.items()}

    def _found(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._found(item) for item in value]
        return self.located(value) if isinstance(value, str) else value

    def located(self, weights: str) -> str:
        """Weights as everyone finds them: a path is taken from the recipe's folder first, then from the working one."""
        own = shipped_weights(weights.removeprefix(f"{OURS}:")) if self.ships and names_card(weights) else None
        if own is not None:
            # What a number names are the package's own networks, whatever $DLIC_ZOO holds.
            return str(own)
        beside = self.path.parent / weights
        return str(beside.resolve()) if not Path(weights).is_absolute() and os.path.isfile(beside) else weights


def load_pipeline(source: str | Path, overrides: Sequence[str] = ()) -> PipelineRecipe:
    """Loads a pipeline. Nothing that it names is imported; see `check_pipeline`.

    Args:
        source: Path of a recipe or of a run's folder, the name of one that ships, such as ``photo``, or
            ``hf://USER/REPO``.
        overrides: ``key=value`` texts that win over the file, in their order.

    Returns:
        The recipe.

    Raises:
        RecipeError: Whatever is wrong with it.
    """
    opened = open_recipe(_file(source), overrides)
    for key in _TRAINING:
        if opened.document.values.get(key) is not None:
            # Checked here, where it can be said what the file is, rather than that its key is unknown.
            loaded = PipelineRecipe(name=opened.path.stem, **opened.origin)
            hint = "This is a training's recipe: run it with dlic-fit, and give the folder of its run as a pipeline."
            raise loaded.error(key, "a pipeline trains nothing", hint)
    values, origin = opened.resolve(PipelineSpec)
    named = {key: NamedSpec(**values[key]) for key in ("base", "hints", "downsize")}
    recipe = PipelineRecipe(**{**values, **named}, **origin)
    check_ranges(recipe, recipe, "")
    _check_scale(recipe)
    _check_alpha(recipe)
    _check_stages(recipe)
    _check_budget(recipe)
    return recipe


def _file(source: str | Path) -> Path:
    if names_hub(source):
        folder = fetch_folder(str(source))
        if not os.path.isfile(folder / _FILE):
            raise RecipeError(f"{show(str(source))}: this repository holds no {_FILE}")
    else:
        folder = Path(source)
    if os.path.isfile(folder / _FILE):
        return folder / _FILE
    if os.path.isfile(folder / "recipe.yaml"):
        hint = "Either it has not come to its end, or what it trains has no place in a codec."
        raise RecipeError("this run left no pipeline", where=shown_path(folder), hint=hint)
    return find(source)


def _check_scale(recipe: PipelineRecipe) -> None:
    scale = recipe.scale
    if scale != AUTO and (not isinstance(scale, int) or isinstance(scale, bool) or not 1 <= scale <= MAX_SCALE):
        hint = nearest(scale, [AUTO], "It may be") if isinstance(scale, str) else ""
        raise recipe.error("scale", f"{show(scale)} is neither auto nor a whole number from 1 to {MAX_SCALE}", hint)


def _check_alpha(recipe: PipelineRecipe) -> None:
    alpha = recipe.alpha
    if alpha != AUTO and (not isinstance(alpha, int | float) or isinstance(alpha, bool) or not 0 <= alpha <= 1):
        hint = nearest(alpha, [AUTO], "It may be") if isinstance(alpha, str) else ""
        raise recipe.error("alpha", f"{show(alpha)} is neither auto nor a number from 0, faithful, to 1, vivid", hint)


def _check_stages(recipe: PipelineRecipe) -> None:
    recipe.stages = {kind: spec for kind, spec in recipe.stages.items() if spec is not None}
    for _, _, spec, key in placed(recipe):
        for name in spec:
            if name not in ("name", "weights"):
                raise recipe.error(f"{key}.{name}", "unknown key", nearest(name, ("name", "weights"), "Keys here"))
        if not isinstance(spec.get("weights"), str):
            hint = f"Write {key.rpartition('.')[2]}: {{weights: zoo:NAME}}, or a path."
            raise recipe.error(key, "names no weights", hint)


def placed(recipe: PipelineRecipe) -> Iterator[tuple[str, int, dict[str, Any], str]]:
    """The networks of a pipeline.

    Args:
        recipe: The pipeline.

    Yields:
        Kind, scale (0: every scale), what the recipe says, and its dotted key.

    Raises:
        RecipeError: A stage is no mapping, or a key under it no scale.
    """
    for kind, spec in recipe.stages.items():
        key = f"stages.{kind}"
        if not isinstance(spec, dict):
            raise recipe.error(key, f"{show(spec)} is not a mapping", f"Write {kind}: {{weights: {spec}}}")
        if not spec or {"weights", "name"} & set(spec):
            yield kind, 0, spec, key
            continue
        for name, inner in spec.items():
            scale = _SCALE.fullmatch(name)
            if scale is None or int(scale[1]) > MAX_SCALE:
                known = ["weights", "name", *(f"x{factor}" for factor in range(1, MAX_SCALE + 1))]
                raise recipe.error(f"{key}.{name}", "neither a scale nor weights", nearest(name, known, "Keys here"))
            if inner is None:
                continue
            if not isinstance(inner, dict):
                hint = f"Write {name}: {{weights: {inner}}}"
                raise recipe.error(f"{key}.{name}", f"{show(inner)} is not a mapping", hint)
            yield kind, int(scale[1]), inner, f"{key}.{name}"


def _check_budget(recipe: PipelineRecipe) -> None:
    for name, value in recipe.hints.args.items():
        if name != "budget":
            raise recipe.error(f"hints.args.{name}", "unknown key", nearest(name, ("budget",), "Keys here"))
        if value != AUTO and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise recipe.error("hints.args.budget", f"{show(value)} is neither auto nor a number of bytes")


def check_pipeline(recipe: PipelineRecipe, hints: Callable[[], Sequence[str]] = tuple) -> None:
    """Checks a pipeline against what it names: base codec, hints, kinds and their order, weights.

    Imports its plug-ins and the classes it names, and no network.

    Args:
        recipe: A loaded pipeline.
        hints: Gives words that stand for hints, beside registered kinds of hints.

    Raises:
        RecipeError: A name is not registered, an argument does not fit its class, or weights are not there, of another
            kind, or of another scale.
    """
    try:
        import_plugins(recipe.plugins)
    except RegistryError as error:
        raise recipe.error("plugins", str(error)) from error
    _check_hints(recipe, hints)
    for kind, name, key in (("codec", recipe.base, "base"), ("downsize", recipe.downsize, "downsize")):
        if (kind, name.name) not in _NEVER_LOADED or name.args:
            part = Part(kind, name.name, key, f"{key}.args", name.args, _provided(kind))
            look_up(recipe, part)
            check_part(recipe, part)
    if recipe.base.name == AUTO and recipe.base.args:
        raise recipe.error("base.args", "auto takes none", "Name a base codec: base: {name: intra, args: {...}}")
    _check_kinds(recipe)
    for kind, role, spec, key in placed(recipe):
        _check_network(recipe, kind, role, spec, key)


def _provided(kind: str) -> tuple[str, ...]:
    return ("scale",) if kind == "downsize" else ()


def _check_hints(recipe: PipelineRecipe, words: Callable[[], Sequence[str]]) -> None:
    name = recipe.hints.name
    known = [BASE, AUTO, *words()]
    if name in known:
        return
    try:
        get("hints", name)
    except RegistryError as error:
        raise recipe.error("hints.name", str(error), f"Besides these there are {', '.join(known)}.") from error


def _check_kinds(recipe: PipelineRecipe) -> None:
    kinds = stage_kinds()
    for kind in recipe.stages:
        if kind not in kinds:
            raise recipe.error(f"stages.{kind}", "no such kind of stage", nearest(kind, kinds, "Kinds"))
    try:
        in_order(recipe.stages)
    except DlicError as error:
        raise recipe.error("stages", str(error)) from error


def _check_network(recipe: PipelineRecipe, kind: str, role: int, spec: dict[str, Any], key: str) -> None:
    if spec.get("name") is not None:
        try:
            get(kind, spec["name"])
        except RegistryError as error:
            raise recipe.error(f"{key}.name", str(error)) from error
    try:
        meta = inspect_net(recipe.located(spec["weights"]))
    except DlicError as error:
        raise recipe.error(f"{key}.weights", str(error)) from error
    if meta.get("kind") != kind:
        raise recipe.error(f"{key}.weights", f"a network of kind {meta.get('kind')!r}, not {kind!r}")
    facts = load("kind", kind).facts
    scales = scales_of(meta) if {"scale", "scales"} & set(facts) else []
    if role and scales and role not in scales:
        made = ", ".join(f"x{scale}" for scale in scales)
        raise recipe.error(f"{key}.weights", f"a network for {made}, not for x{role}")


def scales_of(meta: dict[str, Any]) -> list[int]:
    """Scales that a network enlarges by, as its file states them."""
    stated = meta.get("scales", meta.get("scale"))
    return [scale for scale in (stated if isinstance(stated, list) else [stated]) if isinstance(scale, int)]
