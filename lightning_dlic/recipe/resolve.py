"""Schema and interpolation: a composed document becomes typed, plain values."""

from __future__ import annotations

import typing
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    GrammarParseError,
    InterpolationKeyError,
    InterpolationResolutionError,
    InterpolationValidationError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    UnsupportedInterpolationType,
    ValidationError,
)

from lightning_dlic.recipe.document import Document, Keys
from lightning_dlic.recipe.errors import RecipeError, nearest, show
from lightning_dlic.recipe.given import Given, as_due
from lightning_dlic.recipe.interpolate import is_index, reckon
from lightning_dlic.recipe.typecheck import describe, remedy

_MAX_DEPTH = 60
# Emptied mappings and lists fall back on their defaults.
_EMPTIABLE = (
    *("plugins", "train", "stages", "optim", "losses", "metrics", "callbacks", "data", "trainer", "run"),
    *("base", "scale", "hints"),
)
_NAMED = ("data", "base", "hints", "downsize")


def resolve(document: Document, shown: str, spec: type[Any]) -> tuple[dict[str, Any], dict[Keys, str]]:
    """Checks keys and types against the schema, fills defaults and resolves interpolations.

    Args:
        document: A composed recipe.
        shown: How messages name its file.
        spec: The schema: `RecipeSpec` or `PipelineSpec`.

    Returns:
        Plain values of all keys of the schema; and, by key, the texts that stand on the command line for keys whose
        type only a class knows.

    Raises:
        RecipeError: An unknown key, a value of the wrong type, or an interpolation that gives nothing.
    """
    resolver = _Resolver(document, shown, spec)
    _take_texts(document, spec)
    values = _without_empty(document.values)
    resolver.check_shape(values, spec, ())
    reckon(values, resolver.error)
    try:
        config = OmegaConf.merge(OmegaConf.structured(spec), values)
    except OmegaConfBaseException as error:
        keys = tuple(part for part in str(error.full_key or "").replace("[", ".").replace("]", "").split(".") if part)
        raise resolver.explain(error, keys) from error
    plain: dict[str, Any] = resolver.plain(config, ())
    # Once more: an interpolation may give anything.
    resolver.check_shape(plain, spec, (), resolved=True)
    return plain, resolver.texts(config)


def _take_texts(document: Document, spec: type[Any]) -> None:
    """Puts text where the schema has text, as it stands on the command line."""
    for keys, given in document.marks.items():
        hint = _inline_hint(keys, spec) or _hint_at(spec, keys)
        if not isinstance(given, Given) or (hint is Any and not _is_component(keys)):
            continue
        parent: Any = document.values
        for key in keys[:-1]:
            parent = parent.get(key) if isinstance(parent, dict) else None
        if isinstance(parent, dict) and keys[-1] in parent:
            parent[keys[-1]] = as_due(given, parent[keys[-1]], given.text, hint)


def _inline_hint(keys: Keys, spec: type[Any]) -> Any:
    """The type of a component's name where arguments stand beside it, of a group's pattern, of weights by scale."""
    if keys[0] == "stages" and _hint_at(spec, keys) is Any:
        return {"name": str, "weights": str}.get(keys[-1])
    if keys[0] not in ("optim", "losses", "logger", "callbacks"):
        return None
    return {"name": str, "match": str | list[str]}.get(keys[-1])


def _is_component(keys: Keys) -> bool:
    """Whether a key that the schema leaves open holds components, rather than a class's argument."""
    depth = {"train": 1, "scale": 1, "logger": 1, "optim": 2, "losses": 2}.get(keys[0], 0)
    return len(keys) <= depth or (keys[0] == "optim" and keys[2:3] in (("schedule",), ("groups",)) and len(keys) < 5)


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in values.items() if value is not None or key not in _EMPTIABLE}
    for key in ("stages", "optim"):
        if isinstance(kept.get(key), dict):
            kept[key] = {name: item for name, item in kept[key].items() if item is not None}
    stages = kept.get("stages")
    named = [kept.get(key) for key in _NAMED]
    for spec in [*named, *(stages.values() if isinstance(stages, dict) else ())]:
        if isinstance(spec, dict) and spec.get("args", ...) is None:
            del spec["args"]
    return kept


class _Resolver:
    """Walks a configuration, and puts OmegaConf's errors into a recipe's words."""

    def __init__(self, document: Document, shown: str, spec: type[Any]) -> None:
        self.document = document
        self.shown = shown
        self.spec = spec

    def check_shape(self, value: Any, hint: Any, keys: Keys, *, resolved: bool = False) -> None:
        """Mappings and lists where the schema has them: OmegaConf does not say where one is missing."""
        if not resolved and isinstance(value, str) and "${" in value:
            return
        if typing.get_origin(hint) is list:
            if not isinstance(value, list):
                raise self.error(keys, f"{show(value)} is not a list", f"Write {keys[-1]}: [{value}]")
        elif is_dataclass(hint) or typing.get_origin(hint) is dict:
            if not isinstance(value, dict):
                raise self._not_a_mapping(keys, value, hint)
            known = [item.name for item in fields(hint)] if is_dataclass(hint) else list(value)
            for key, item in value.items():
                if resolved and key not in known:
                    raise self.error((*keys, key), "unknown key", nearest(key, known, "Keys here"))
                self.check_shape(item, _hint_at(self.spec, (*keys, key)), (*keys, key), resolved=resolved)

    def plain(self, node: Any, keys: Keys) -> Any:
        """A node as plain values, all interpolations resolved."""
        if len(keys) > _MAX_DEPTH:
            raise self.error(keys[:3], "interpolates in a circle")
        if isinstance(node, DictConfig):
            return {str(key): self._child(node, key, (*keys, str(key))) for key in node}
        if isinstance(node, ListConfig):
            return [self._child(node, index, (*keys, str(index))) for index in range(len(node))]
        return node

    def _child(self, node: Any, key: Any, keys: Keys) -> Any:
        if keys == ("name",) and OmegaConf.is_missing(node, key):
            return None
        try:
            value = node[key]
        except OmegaConfBaseException as error:
            raise self.explain(error, keys) from error
        except RecursionError as error:
            raise self.error(keys, "interpolates in a circle") from error
        return self.plain(value, keys)

    def texts(self, config: Any) -> dict[Keys, str]:
        """What stands on the command line for classes' arguments, interpolations resolved."""
        found = {}
        for keys, given in self.document.marks.items():
            if not isinstance(given, Given) or given.text is None or _hint_at(self.spec, keys) is not Any:
                continue
            found[keys] = given.text
            if "${" in given.text:
                # In the place of the value itself, from where relative keys lead.
                parent, value = OmegaConf.select(config, ".".join(keys[:-1])), self._written(keys)
                if isinstance(parent, DictConfig):
                    parent[keys[-1]] = given.text
                    found[keys] = str(self._child(parent, keys[-1], keys))
                    parent[keys[-1]] = value
        return found

    def explain(self, error: OmegaConfBaseException, keys: Keys) -> RecipeError:
        """The error of a key in a recipe's words."""
        value = self._written(keys)
        if isinstance(error, (ConfigKeyError, ConfigAttributeError)) and not isinstance(error, InterpolationKeyError):
            spec = _hint_at(self.spec, keys[:-1])
            right = [item.name for item in fields(spec)] if is_dataclass(spec) else []
            right += [] if keys[:-1] else ["extends"]
            return self.error(keys, "unknown key", nearest(keys[-1], right, "Keys here"))
        if isinstance(error, MissingMandatoryValue):
            dotted = ".".join(keys)
            return self.error(keys, "has no value", f"Give it one in the recipe, or on the command line: {dotted}=...")
        if isinstance(error, InterpolationValidationError):
            return self.error(keys, f"{show(value)} does not give {describe(_hint_at(self.spec, keys))}")
        if isinstance(error, ValidationError):
            return self._wrong_type(keys, value)
        return self.error(keys, *_interpolation(error, value))

    def _wrong_type(self, keys: Keys, value: Any) -> RecipeError:
        hint = _hint_at(self.spec, keys)
        default = _default_at(self.spec, keys)
        usual = f"The default is {'null' if default is None else default}."
        return self.error(keys, f"{show(value)} is not {describe(hint)}", remedy(value, hint) or usual)

    def _not_a_mapping(self, keys: Keys, value: Any, hint: Any) -> RecipeError:
        named = is_dataclass(hint) and "name" in (item.name for item in fields(hint))
        example = f"{{name: {value}}}" if named and isinstance(value, str) else "{key: value}"
        return self.error(keys, f"{show(value)} is not a mapping", f"Write {keys[-1]}: {example}")

    def _written(self, keys: Keys) -> Any:
        value: Any = self.document.values
        for key in keys:
            if isinstance(value, list) and is_index(key) and int(key) < len(value):
                value = value[int(key)]
            else:
                value = value.get(key) if isinstance(value, dict) else None
        return value

    def error(self, keys: Keys, problem: str, hint: str = "") -> RecipeError:
        """A mistake at a key, to be raised."""
        places = (self.document.marks.get(keys[:depth]) for depth in range(len(keys), 0, -1))
        where = next((place for place in places if place is not None), self.shown)
        return RecipeError(problem, where=where, key=".".join(keys), hint=hint)


def _interpolation(error: OmegaConfBaseException, value: Any) -> tuple[str, str]:
    """Problem and remedy of an interpolation."""
    reason = (str(error).splitlines() or [""])[0]
    if isinstance(error, GrammarParseError):
        return f"{show(value)} is not an interpolation", r"Write ${key} or ${oc.env:NAME,default}; a literal ${ as \${"
    if isinstance(error, InterpolationKeyError):
        return f"{show(value)} leads nowhere", "Name a key from the top, such as ${stages.sr.args.scale}."
    if isinstance(error, UnsupportedInterpolationType):
        return f"{show(value)} calls an unknown resolver", "There are oc.env, oc.decode and oc.select."
    if isinstance(error, InterpolationResolutionError) and "Environment variable" in reason:
        return (
            f"{show(value)}: the environment variable is not set",
            "Set it, or give a default: ${oc.env:NAME,default}",
        )
    if "Recursive" in reason or "parent node" in reason or "ycle" in reason:
        subject = "" if value is None else f"{show(value)} "
        return f"{subject}interpolates in a circle", "Give one of the keys in the circle a value of its own."
    return f"{show(value)}: {reason}", ""


def _hint_at(spec: type[Any], keys: Keys) -> Any:
    """The type that a schema gives a key; `Any` below what it leaves open."""
    hint: Any = spec
    for key in keys:
        if is_dataclass(hint):
            hint = _types(typing.cast("Any", hint)).get(key, Any)
        elif typing.get_origin(hint) in (dict, list):
            hint = typing.get_args(hint)[-1]
        else:
            return Any
    return hint


@cache
def _types(schema: Any) -> dict[str, Any]:
    """The types of a dataclass's fields."""
    return typing.get_type_hints(schema)


def _default_at(spec: type[Any], keys: Keys) -> Any:
    above = _hint_at(spec, keys[:-1])
    return getattr(above(), keys[-1], None) if isinstance(above, type) and is_dataclass(above) else None
