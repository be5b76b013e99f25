"""Checks a recipe against the classes it names, before anything is built."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlic_registry import KINDS, RegistryError, get, import_plugins, load, suggest
from lightning_dlic.training.recipe.errors import RecipeError, nearest, show
from lightning_dlic.training.recipe.find import shipped_names
from lightning_dlic.training.recipe.schema import Recipe
from lightning_dlic.training.recipe.signature import Argument, signature
from lightning_dlic.training.recipe.typecheck import conforms, describe, remedy

_LONGEST_NAME = 200
STAGE_KINDS = tuple(kind for kind, base in KINDS.items() if base == "lightning_dlic.stages.base:Stage")


@dataclass(frozen=True)
class _Part:
    """A component that a recipe names.

    Attributes:
        kind: Its kind.
        name: Its registered name.
        key: Where it stands in the recipe.
        inside: Key below which its arguments stand.
        args: The arguments.
        provided: Arguments that whoever builds it passes on.
        default: Arguments that whoever builds it fills in where the recipe does not.
        partial: Whether others give the arguments that it leaves out.
    """

    kind: str
    name: str
    key: str
    inside: str
    args: Mapping[str, Any]
    provided: tuple[str, ...] = ()
    default: tuple[str, ...] = ()
    partial: bool = False


def check(recipe: Recipe, *, weights: bool = True) -> None:
    """Checks names, arguments, optimizer roles and loss terms of a recipe.

    Imports the plug-ins and the classes it names, and nothing else.

    Args:
        recipe: A loaded recipe.
        weights: Whether the weights that it starts from must be there.

    Raises:
        RecipeError: A name is not registered, or an argument does not fit its class.
        RegistryError: A class is registered, but broken.
    """
    try:
        import_plugins(recipe.plugins)
    except RegistryError as error:
        raise recipe.error("plugins", str(error)) from error
    for key, name in (("name", recipe.name), ("run.name", recipe.run.name)):
        _check_folder(recipe, key, name)
    for kind in recipe.stages:
        if kind not in STAGE_KINDS:
            raise recipe.error(f"stages.{kind}", "no such kind of stage", nearest(kind, STAGE_KINDS, "Kinds"))
    parts = list(_parts(recipe))
    # All names first: a typing mistake must not wait for the import of torch.
    for part in parts:
        _look_up(recipe, part)
    if weights:
        for problem in missing_weights(recipe):
            raise problem
    classes = {part.key: _check_part(recipe, part) for part in parts}
    trained = {recipe.stages[kind].name: classes[f"stages.{kind}"] for kind in recipe.train}
    _check_names(recipe, "optim", "role", recipe.optim, trained, "roles")
    _check_names(recipe, "losses", "term", recipe.losses, trained, "loss_terms")


def _check_folder(recipe: Recipe, key: str, name: str | None) -> None:
    """Names become folders below ``run.root``, and must not lead out of it."""
    if name is None:
        return
    plain = name.isprintable() and "\\" not in name and len(name.encode("utf-8", "surrogateescape")) <= _LONGEST_NAME
    if not plain or any(part in ("", ".", "..") for part in name.split("/")):
        hint = "Letters, digits, - and _ will do; a / makes a folder in it."
        raise recipe.error(key, f"{show(name)} cannot be the name of a folder below run.root", hint)


def _parts(recipe: Recipe) -> Iterator[_Part]:
    for kind, stage in recipe.stages.items():
        yield _Part(kind, stage.name, f"stages.{kind}", f"stages.{kind}.args", stage.args)
    if recipe.is_pipeline:
        if recipe.base.name != "auto":
            yield _Part("codec", recipe.base.name, "base", "base.args", recipe.base.args)
        if recipe.hints.name != "none":
            yield _Part("hints", recipe.hints.name, "hints", "hints.args", recipe.hints.args)
        return
    yield _Part("data", recipe.data.name, "data", "data.args", recipe.data.args)
    for role, spec in recipe.optim.items():
        yield _inline("optimizer", spec, f"optim.{role}", ("schedule", "groups"), provided=("params",))
        for group, own in spec.get("groups", {}).items():
            key = f"optim.{role}.groups.{group}"
            args = {name: value for name, value in own.items() if name != "match"}
            yield _Part("optimizer", spec["name"], key, key, args, ("params",), partial=True)
        if spec.get("schedule") is not None:
            key = f"optim.{role}.schedule"
            lengths = ("T_max", "total_steps", "max_lr")
            yield _inline("schedule", spec["schedule"], key, provided=("optimizer",), default=lengths)
    for term, loss in recipe.losses.items():
        if loss is not None:
            yield _inline("loss", loss, f"losses.{term}", ("weight",))
    if recipe.logger is not None:
        yield _inline("logger", recipe.logger, "logger", provided=("save_dir",))


def _inline(
    kind: str,
    spec: Mapping[str, Any],
    key: str,
    aside: Iterable[str] = (),
    provided: tuple[str, ...] = (),
    default: tuple[str, ...] = (),
) -> _Part:
    """A component whose arguments stand beside its name."""
    args = {name: value for name, value in spec.items() if name != "name" and name not in aside}
    return _Part(kind, spec["name"], key, key, args, provided, default)


def _look_up(recipe: Recipe, part: _Part) -> None:
    try:
        get(part.kind, part.name)
    except RegistryError as error:
        raise recipe.error(f"{part.key}.name", str(error)) from error


def missing_weights(recipe: Recipe) -> Iterator[RecipeError]:
    """What a recipe's stages are to start from, and is not there.

    Args:
        recipe: A loaded recipe.

    Yields:
        A mistake for each.
    """
    for kind, stage in recipe.stages.items():
        for field, source in (("init", stage.init), ("weights", stage.weights)):
            if source is not None and not source.startswith("zoo:") and not os.path.exists(source):
                made_by = next((part for part in Path(source).parts if part in shipped_names()), None)
                train = f"Train it first: dlic-fit {made_by}. Or give" if made_by else "Give"
                nothing = f" or stages.{kind}.init=null to start from nothing." if field == "init" else ""
                hint = f"{train} a path from {Path.cwd()}, or zoo:NAME{',' * bool(nothing)}{nothing or '.'}"
                yield recipe.error(f"stages.{kind}.{field}", f"no file {source!r}", hint)


def _check_part(recipe: Recipe, part: _Part) -> type[Any]:
    """Checks a component's arguments; returns its class."""
    cls = load(part.kind, part.name)
    known = signature(cls)
    title = f"{part.kind} {part.name}"
    open_to = {name: item for name, item in known.arguments.items() if name not in part.provided}
    for name in part.args:
        key = f"{part.inside}.{name}"
        if name in part.provided:
            raise recipe.error(key, f"is set by what uses this {part.kind}", "Remove it here.")
        if part.args[name] is None and name in part.default:
            continue
        if name in open_to:
            _check_value(recipe, key, open_to[name], title)
        elif not known.open:
            raise recipe.error(key, f"{title} has no argument {name!r}", _other_arguments(recipe, part, name, open_to))
    for name, item in open_to.items():
        if item.required and not part.partial and name not in {*part.args, *part.default}:
            hint = f"Write {name}: ... there, {describe(item.annotation)}."
            raise recipe.error(part.inside, f"{title} needs {name!r}", hint)
    return cls


def _other_arguments(recipe: Recipe, part: _Part, name: str, known: Iterable[str]) -> str:
    hint = nearest(name, known, f"{part.kind} {part.name} takes")
    inherited = recipe.where(f"{part.key}.name") != recipe.where(f"{part.inside}.{name}")
    if suggest(name, known) or not inherited:
        return hint
    # The name was swapped, the argument left over.
    return f"{hint}\nTo drop what was inherited, empty it first: {part.inside}=null"


def _check_value(recipe: Recipe, key: str, argument: Argument, title: str) -> None:
    optional = not argument.required and argument.default is None
    value = recipe.take(key, argument.annotation, optional=optional)
    if value is None and optional:
        return
    if argument.component is not None:
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            example = f"{{name: {value}}}" if isinstance(value, str) else "{name: ..., argument: value}"
            hint = f"Write {argument.name}: {example}"
            raise recipe.error(key, f"{show(value)} is not a mapping with a name", hint)
        part = _inline(argument.component.kind, value, key, provided=argument.component.provides)
        _look_up(recipe, part)
        _check_part(recipe, part)
    elif not conforms(value, argument.annotation):
        hint = remedy(value, argument.annotation) or f"{title} takes {argument.name}={argument.default!r} by default."
        raise recipe.error(key, f"{show(value)} is not {describe(argument.annotation)}", hint)


def _check_names(
    recipe: Recipe, section: str, word: str, given: Iterable[str], trained: Mapping[str, type[Any]], attribute: str
) -> None:
    """Checks the keys of ``optim`` or ``losses`` against what the trained stages declare."""
    declared = [name for cls in trained.values() for name in getattr(cls, attribute, ())]
    for name in given:
        if declared and name not in declared:
            stages = " and ".join(trained)
            raise recipe.error(
                f"{section}.{name}",
                f"stage {stages} has no {word} {name!r}",
                nearest(name, declared, f"Its {word}s"),
            )
