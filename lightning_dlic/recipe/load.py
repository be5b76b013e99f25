"""Loads a recipe: what it extends, its file, overrides; then schema, interpolation and the rules between keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from lightning_dlic.recipe.document import dump
from lightning_dlic.recipe.errors import RecipeError, nearest, show
from lightning_dlic.recipe.find import find
from lightning_dlic.recipe.loaded import Loaded
from lightning_dlic.recipe.opened import Opened, open_recipe
from lightning_dlic.recipe.schema import (
    NamedSpec,
    Recipe,
    RecipeSpec,
    RunSpec,
    StageSpec,
    TrainerSpec,
)
from lightning_dlic.recipe.typecheck import conforms, describe, remedy


def load_recipe(source: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Loads a training's recipe. Nothing that it names is imported; see `check`.

    Args:
        source: Path of a recipe, or the name of one that ships, such as ``quickstart``.
        overrides: ``key=value`` texts that win over the file, in their order.

    Returns:
        The recipe.

    Raises:
        RecipeError: Whatever is wrong with it.
    """
    opened = open_recipe(find(source), overrides)
    _refuse_pipelines(opened)
    values, origin = opened.resolve(RecipeSpec)
    recipe = Recipe(**_specs(values), **origin)
    recipe.train = _train(recipe, values["train"])
    recipe.optim = {role: _optimizer(recipe, role, value) for role, value in recipe.optim.items()}
    recipe.losses = {term: _terms(recipe, term, value) for term, value in recipe.losses.items()}
    for key in ("metrics", "callbacks"):
        setattr(recipe, key, _by_name(recipe, key, getattr(recipe, key)))
    if recipe.discriminator is not None:
        named(recipe, "discriminator", recipe.discriminator)
    recipe.logger = _loggers(recipe, recipe.logger)
    check_ranges(recipe, recipe, "")
    check_ranges(recipe, recipe.trainer, "trainer.")
    if not recipe.train:
        raise recipe.error("train", "missing: this recipe trains nothing", "Say which stage it trains: train: sr")
    return recipe


def _refuse_pipelines(opened: Opened) -> None:
    """Says what a pipeline is for, rather than that its keys are unknown."""
    said = opened.document.values
    if said.get("train") is None and {"base", "scale", "hints", "number"} & set(said):
        hint = "Use it with dlic compress --pipeline, or say which stage it trains: train: sr"
        raise RecipeError(
            "missing: this is a pipeline, which trains nothing", where=opened.shown, key="train", hint=hint
        )


def to_yaml(recipe: Loaded) -> str:
    """The resolved recipe as a recipe file: loading it gives the same recipe.

    Args:
        recipe: A loaded recipe.

    Returns:
        YAML text.
    """
    return as_yaml(recipe.resolved())


def as_yaml(resolved: dict[str, Any]) -> str:
    """The values of a resolved recipe, such as a checkpoint records, as a recipe file."""
    return dump(_escaped(resolved))


def _escaped(value: Any) -> Any:
    """Protects what looks like an interpolation, but is a value already."""
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return value.replace("${", r"\${") if isinstance(value, str) else value


def _specs(values: dict[str, Any]) -> dict[str, Any]:
    """Plain mappings as the classes of the schema."""
    return {
        **values,
        "stages": {kind: StageSpec(**spec) for kind, spec in values["stages"].items()},
        "data": NamedSpec(**values["data"]),
        "trainer": TrainerSpec(**values["trainer"]),
        "run": RunSpec(**values["run"]),
    }


def _train(recipe: Recipe, value: Any) -> list[str]:
    kinds = [value] if isinstance(value, str) else value or []
    if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
        raise recipe.error("train", f"{show(value)} is not a stage or a list of stages", "Write train: sr")
    for kind in kinds:
        if kind not in recipe.stages:
            raise recipe.error("train", f"no stage {kind!r}", nearest(kind, recipe.stages, "Under stages"))
        if kinds.count(kind) > 1:
            raise recipe.error("train", f"{kind!r} stands there twice", "Name each stage once.")
    return kinds


def named(recipe: Recipe, key: str, value: Any) -> dict[str, Any]:
    """Makes sure that a value is a mapping with a name.

    Args:
        recipe: Whose value it is.
        key: Its dotted key.
        value: The value.

    Returns:
        The value.

    Raises:
        RecipeError: It is not.
    """
    last = key.rpartition(".")[2]
    if not isinstance(value, dict):
        example = f"{{name: {value}}}" if isinstance(value, str) else "{name: ...}"
        raise recipe.error(key, f"{show(value)} is not a mapping with a name", f"Write {last}: {example}")
    if not isinstance(value.get("name"), str):
        near = nearest("name", value, "It has")
        raise recipe.error(key, "has no name", f"Write {last}: {{name: ..., argument: value}}. {near}")
    return value


def _optimizer(recipe: Recipe, role: str, value: Any) -> dict[str, Any]:
    key = f"optim.{role}"
    if isinstance(value, dict):
        value = {"name": "adam", **value}
    spec = named(recipe, key, value)
    if spec.get("lr", ...) is None:
        del spec["lr"]
    _typed(recipe, f"{key}.lr", spec.get("lr", 0.0), float)
    if spec.get("schedule") is not None:
        named(recipe, f"{key}.schedule", spec["schedule"])
    if spec.get("groups") is None:
        spec.pop("groups", None)
    else:
        spec["groups"] = _groups(recipe, f"{key}.groups", spec["groups"])
    return spec


def _groups(recipe: Recipe, key: str, value: Any) -> dict[str, Any]:
    """Parameters with arguments of their own: each group needs a pattern; null takes one away."""
    example = "Write groups: {last: {match: 'tail.*', lr: 1.0e-5}}"
    if not isinstance(value, dict):
        raise recipe.error(key, f"{show(value)} is not a mapping of groups", example)
    groups = {name: group for name, group in value.items() if group is not None}
    for name, group in groups.items():
        if not isinstance(group, dict) or not conforms(group.get("match"), str | list[str]):
            raise recipe.error(f"{key}.{name}", "has no pattern of parameters' names", example)
    return groups


def _by_name(recipe: Recipe, key: str, value: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Components by name with their arguments; null takes one away."""
    given = {name: args for name, args in value.items() if args is not None}
    for name, args in given.items():
        if not isinstance(args, dict):
            hint = f"Write {name}: {{}}, or {name}: {{argument: value}}"
            raise recipe.error(f"{key}.{name}", f"{show(args)} is not a mapping of arguments", hint)
    return given


def _loggers(recipe: Recipe, value: Any) -> dict[str, Any] | None:
    """One logger with its name, or several by their names."""
    if isinstance(value, dict) and "name" not in value and all(isinstance(v, dict | None) for v in value.values()):
        return _by_name(recipe, "logger", value) or None
    return None if value is None else named(recipe, "logger", value)


def _terms(recipe: Recipe, term: str, value: Any) -> dict[str, Any] | None:
    """A term, or below a stage of a chain its own terms."""
    of_stage = isinstance(value, dict) and "name" not in value and term in recipe.stages
    if of_stage and not recipe.is_chain:
        hint = "Write the terms under losses themselves: losses.pixel: {name: l1}"
        raise recipe.error(f"losses.{term}", "only a chain's stages have terms of their own", hint)
    if value is None or term not in recipe.stages or not recipe.is_chain:
        return _loss(recipe, term, value)
    if not isinstance(value, dict) or isinstance(value.get("name"), str):
        hint = f"Write losses.{term}: {{pixel: {{name: l1}}}}"
        raise recipe.error(f"losses.{term}", f"stands for a stage: {show(value)} is no mapping of its terms", hint)
    return {own: _loss(recipe, f"{term}.{own}", below) for own, below in value.items()}


def _loss(recipe: Recipe, term: str, value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    spec = {"weight": 1.0, **named(recipe, f"losses.{term}", value)}
    _typed(recipe, f"losses.{term}.weight", spec["weight"], float)
    return {"name": spec.pop("name"), **spec}


def _typed(recipe: Recipe, key: str, value: Any, annotation: Any) -> None:
    if not conforms(value, annotation):
        raise recipe.error(key, f"{show(value)} is not {describe(annotation)}", remedy(value, annotation))


def check_ranges(recipe: Loaded, spec: Any, prefix: str) -> None:
    """Checks the ranges and choices that a schema's fields declare.

    Args:
        recipe: Whose values they are.
        spec: What holds them.
        prefix: Dotted key of that, with a point behind it.

    Raises:
        RecipeError: A value is out of its range.
    """
    for item in fields(spec):
        value, limits = getattr(spec, item.name), item.metadata
        if value is None or not limits:
            continue
        key = f"{prefix}{item.name}"
        if "choices" in limits and value not in limits["choices"]:
            raise recipe.error(key, f"unknown value {value!r}", nearest(str(value), limits["choices"], "It may be"))
        if "least" in limits and not value >= limits["least"]:
            raise recipe.error(key, f"{value} is too small", f"The least is {limits['least']}.")
        if "above" in limits and not value > limits["above"]:
            raise recipe.error(key, f"{value} is too small", f"It must be above {limits['above']}.")
        if "most" in limits and not value <= limits["most"]:
            raise recipe.error(key, f"{value} is too large", f"The most is {limits['most']}.")
        if "below" in limits and not value < limits["below"]:
            raise recipe.error(key, f"{value} is too large", f"It must be below {limits['below']}.")
