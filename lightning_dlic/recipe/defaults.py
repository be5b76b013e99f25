"""What a recipe leaves to the classes it names: defaults change between versions, and a run goes on with its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dlic_registry import load
from lightning_dlic.recipe.check import Part, components, parts
from lightning_dlic.recipe.schema import Recipe
from lightning_dlic.recipe.signature import signature


def unsaid(recipe: Recipe) -> dict[str, dict[str, Any]]:
    """The arguments that a recipe does not give, with the defaults of their classes.

    Args:
        recipe: A checked recipe.

    Returns:
        Plain values: ``{key of a component's arguments: {"name": its name, "args": {argument: default}}}``.
    """
    return {part.inside: _defaults(part) for whole in parts(recipe) for part in _with_inner(recipe, whole)}


def _defaults(part: Part) -> dict[str, Any]:
    given = () if part.partial else signature(load(part.kind, part.name)).arguments.values()
    aside = (*part.args, *part.provided, *part.default)
    own = {item.name: item.default for item in given if not item.required and item.name not in aside}
    return {"name": part.name, "args": {name: value for name, value in own.items() if _plain(value)}}


def _with_inner(recipe: Recipe, part: Part) -> Iterator[Part]:
    """A component, and those that its arguments name."""
    yield part
    for item in signature(load(part.kind, part.name)).arguments.values():
        if item.component is not None and part.args.get(item.name) is not None:
            key = f"{part.inside}.{item.name}"
            for inner in components(recipe, key, part.args[item.name], item.component):
                yield from _with_inner(recipe, inner)


def _plain(value: Any) -> bool:
    """Whether a value is the same in a checkpoint and in YAML."""
    if isinstance(value, list):
        return all(map(_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def say(recipe: Recipe, key: str, value: Any) -> None:
    """Gives an argument that a recipe does not give.

    Args:
        recipe: The recipe.
        key: Its dotted key.
        value: The value.
    """
    first, *between, last = key.split(".")
    place: Any = getattr(recipe, first)
    for name in between:
        place = place[name] if isinstance(place, dict) else getattr(place, name)
    place[last] = value
