"""Checks a recipe against the classes it names, before anything is built."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlic_registry import Component, RegistryError, get, import_plugins, load, stage_kinds
from lightning_dlic.recipe.errors import RecipeError, nearest, show
from lightning_dlic.recipe.find import shipped_names, split_step
from lightning_dlic.recipe.loaded import Loaded
from lightning_dlic.recipe.named import Named
from lightning_dlic.recipe.schema import DISCRIMINATOR, Recipe
from lightning_dlic.recipe.signature import Argument, signature
from lightning_dlic.recipe.trained import check_trained, loss_specs
from lightning_dlic.recipe.typecheck import conforms, describe, remedy
from lightning_dlic.zoo.cards import names_card
from lightning_dlic.zoo.hub import names_hub

_LONGEST_NAME = 200
# Strategies of Lightning's by how their names begin.
_SHARDING = ("fsdp", "deepspeed", "model_parallel", "modelparallel")
_SINGLE = 3.4028e38
# Arguments that a run's length and an optimizer's rate fill in.
_FILLED = {"schedule": ("T_max", "total_steps", "max_lr", "base_lr")}


@dataclass(frozen=True)
class Part:
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
    _check_strategy(recipe)
    kinds = stage_kinds()
    for kind in recipe.stages:
        if kind not in kinds:
            raise recipe.error(f"stages.{kind}", "no such kind of stage", nearest(kind, kinds, "Kinds"))
    found = list(parts(recipe))
    # All names first: a typing mistake must not wait for the import of torch.
    for part in found:
        look_up(recipe, part)
    _check_numbers(recipe, recipe.resolved())
    if weights:
        for problem in missing_weights(recipe):
            raise problem
    classes = {part.key: check_part(recipe, part) for part in found}
    check_trained(recipe, {kind: classes[f"stages.{kind}"] for kind in recipe.stages})


def _check_numbers(recipe: Recipe, value: Any, key: str = "") -> None:
    """Numbers that single precision cannot hold end in a traceback of torch's."""
    if isinstance(value, dict):
        for name, item in value.items():
            _check_numbers(recipe, item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for item in value:
            _check_numbers(recipe, item, key)
    elif isinstance(value, int | float) and _SINGLE < abs(value) < math.inf:
        raise recipe.error(key, f"{show(value)} is too large", f"The most is {_SINGLE:g}.")


def _check_folder(recipe: Recipe, key: str, name: str | None) -> None:
    """Names become folders below ``run.root``, and must not lead out of it."""
    if name is None:
        return
    plain = name.isprintable() and "\\" not in name and len(name.encode("utf-8", "surrogateescape")) <= _LONGEST_NAME
    if not plain or any(part in ("", ".", "..") for part in name.split("/")):
        hint = "Letters, digits, - and _ will do; a / makes a folder in it."
        raise recipe.error(key, f"{show(name)} cannot be the name of a folder below run.root", hint)


def parts(recipe: Recipe) -> Iterator[Part]:
    """All components that a recipe names at its own keys, in the order in which they are checked.

    Args:
        recipe: A loaded recipe.
    """
    for kind, stage in recipe.stages.items():
        yield Part(kind, stage.name, f"stages.{kind}", f"stages.{kind}.args", stage.args)
    yield Part("data", recipe.data.name, "data", "data.args", recipe.data.args)
    for role, spec in recipe.optim.items():
        yield _inline("optimizer", spec, f"optim.{role}", ("schedule", "groups"), provided=("params",))
        for group, own in spec.get("groups", {}).items():
            key = f"optim.{role}.groups.{group}"
            args = {name: value for name, value in own.items() if name != "match"}
            yield Part("optimizer", spec["name"], key, key, args, ("params",), partial=True)
        if spec.get("schedule") is not None:
            key = f"optim.{role}.schedule"
            yield _inline("schedule", spec["schedule"], key, provided=("optimizer",), default=_FILLED["schedule"])
    for key, loss in loss_specs(recipe):
        yield _inline("loss", loss, key, ("weight",))
    for name, args in recipe.metrics.items():
        yield Part("metric", name, f"metrics.{name}", f"metrics.{name}", args)
    if recipe.discriminator is not None:
        yield _inline("net", recipe.discriminator, DISCRIMINATOR, provided=("channels",))
    for logger in recipe.loggers:
        yield Part("logger", logger.name, logger.key, logger.key, logger.args, ("save_dir",))
    for callback in recipe.named_callbacks:
        yield Part("callback", callback.name, callback.key, callback.key, callback.args)


def _inline(
    kind: str,
    spec: Mapping[str, Any],
    key: str,
    aside: Iterable[str] = (),
    provided: tuple[str, ...] = (),
    default: tuple[str, ...] = (),
) -> Part:
    """A component whose arguments stand beside its name."""
    args = {name: value for name, value in spec.items() if name != "name" and name not in aside}
    return Part(kind, spec["name"], key, key, args, provided, default)


def look_up(recipe: Loaded, part: Part) -> None:
    """Makes sure that a component's name is registered; imports nothing.

    Raises:
        RecipeError: It is not.
    """
    try:
        get(part.kind, part.name)
    except RegistryError as error:
        raise recipe.error(f"{part.key}.name", str(error)) from error


def _check_strategy(recipe: Recipe) -> None:
    name = recipe.trainer.strategy
    if name.startswith(_SHARDING):
        why = (
            f"{name} spreads a network's parameters over the devices; what a run promises is of whole networks: the "
            "average, the look at every gradient, the weights file, going on to the last bit"
        )
        hint = "Use ddp. To save memory: trainer.precision=bf16-mixed, a smaller batch_size with trainer.accumulate."
        raise recipe.error("trainer.strategy", why, hint)


def missing_weights(recipe: Recipe) -> Iterator[RecipeError]:
    """What a recipe's stages are to start from, and is not there.

    Args:
        recipe: A loaded recipe.

    Yields:
        A mistake for each.
    """
    for kind, stage in recipe.stages.items():
        for field, source in (("init", stage.init), ("weights", stage.weights)):
            if source is None or names_card(source) or names_hub(source):
                continue
            if not os.path.exists(split_step(source)[0]):
                made_by = next((part for part in Path(source).parts if part in shipped_names()), None)
                train = f"Train it first: dlic-fit {made_by}. Or give" if made_by else "Give"
                nothing = f" or stages.{kind}.init=null to start from nothing." if field == "init" else ""
                hint = f"{train} a path from {Path.cwd()}, or zoo:NAME{',' * bool(nothing)}{nothing or '.'}"
                yield recipe.error(f"stages.{kind}.{field}", f"no file {source!r}", hint)


def check_part(recipe: Loaded, part: Part) -> type[Any]:
    """Checks a component's arguments; returns its class.

    Raises:
        RecipeError: An argument is unknown, missing or of another type.
        RegistryError: The class is broken.
    """
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
            raise recipe.error(key, f"{title} has no argument {name!r}", nearest(name, open_to, f"{title} takes"))
    for name, item in open_to.items():
        if item.required and not part.partial and name not in {*part.args, *part.default}:
            hint = f"Write {name}: ... there, {describe(item.annotation)}."
            raise recipe.error(part.inside, f"{title} needs {name!r}", hint)
    return cls


def _check_value(recipe: Loaded, key: str, argument: Argument, title: str) -> None:
    optional = not argument.required and argument.default is None
    value = recipe.take(key, argument.annotation, optional=optional)
    if value is None and optional:
        return
    if argument.component is not None:
        for part in components(recipe, key, value, argument.component):
            look_up(recipe, part)
            check_part(recipe, part)
    elif not conforms(value, argument.annotation):
        hint = remedy(value, argument.annotation) or f"{title} takes {argument.name}={argument.default!r} by default."
        raise recipe.error(key, f"{show(value)} is not {describe(argument.annotation)}", hint)


def components(recipe: Loaded, key: str, value: Any, component: Component) -> Iterator[Part]:
    """The components that an argument names."""
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        yield _inline(component.kind, value, key, provided=component.provides)
    elif component.several and isinstance(value, dict) and "name" not in value:
        for name, arguments in value.items():
            if arguments is None:
                continue
            if not isinstance(arguments, dict):
                hint = f"Write {name}: {{argument: value}}, or {key.rpartition('.')[2]}: {{name: ..., argument: value}}"
                raise recipe.error(f"{key}.{name}", f"{show(arguments)} is not a mapping of arguments", hint)
            own = Named.of(f"{key}.{name}", name, arguments)
            args = {name: value for name, value in own.args.items() if name not in component.aside}
            filled = _FILLED.get(component.kind, ())
            yield Part(component.kind, own.name, own.key, own.key, args, component.provides, filled)
    else:
        example = f"{{name: {value}}}" if isinstance(value, str) else "{name: ..., argument: value}"
        hint = f"Write {key.rpartition('.')[2]}: {example}"
        raise recipe.error(key, f"{show(value)} is not a mapping with a name", hint)
