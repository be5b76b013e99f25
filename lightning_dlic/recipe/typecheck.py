"""Whether a plain value suits a type annotation, and how to say so in words."""

from __future__ import annotations

import types
import typing
from collections import abc
from collections.abc import Iterator
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union

_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    type(None): "null",
}
_LISTS = (list, tuple, set, frozenset, abc.Sequence, abc.Iterable, abc.Collection)
_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)


def conforms(value: Any, annotation: Any) -> bool:
    """Whether a value may be passed where an annotation stands.

    Args:
        value: A plain value from a recipe.
        annotation: A type hint, resolved. Whole numbers suit ``float``, lists suit tuples, texts suit paths. Types that
            no plain value can have are accepted where they stand alone: their class may convert.

    Returns:
        False only where the value is surely wrong.
    """
    verdict = _judge(value, annotation)
    return verdict is not False


def surely(value: Any, annotation: Any) -> bool:
    """Whether a value suits an annotation that says something about plain values."""
    return _judge(value, annotation) is True


def alternatives(annotation: Any) -> Iterator[Any]:
    """The types that an annotation allows, one by one; None's own where it allows null."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        yield from alternatives(arguments[0])
    elif origin in (Union, types.UnionType):
        for member in arguments:
            yield from alternatives(member)
    else:
        yield type(None) if annotation is None else annotation


def is_text(kind: Any) -> bool:
    """Whether a type that stands alone is text: a string, a path, or a choice among words."""
    if typing.get_origin(kind) is Literal:
        return any(isinstance(choice, str) for choice in typing.get_args(kind))
    return isinstance(kind, type) and issubclass(kind, (str, PurePath))


def _judge(value: Any, annotation: Any) -> bool | None:
    """True, False, or None where the annotation says nothing about plain values."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _judge(value, arguments[0])
    if origin in (Union, types.UnionType):
        verdicts = [_judge(value, member) for member in arguments]
        known = [verdict for verdict in verdicts if verdict is not None]
        return any(known) if known else None
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in arguments)
    if annotation is None or annotation is type(None):
        return value is None
    if annotation is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if annotation in (bool, str):
        return isinstance(value, annotation)
    return _judge_container(value, annotation if origin is None else origin, arguments)


def _judge_container(value: Any, container: Any, arguments: tuple[Any, ...]) -> bool | None:
    if container in _MAPPINGS:
        members = value.values() if isinstance(value, dict) else ()
        return isinstance(value, dict) and (len(arguments) != 2 or all(conforms(v, arguments[1]) for v in members))
    if container in _LISTS:
        if not isinstance(value, list):
            return False
        if container is not tuple or arguments[-1:] == (Ellipsis,):
            return not arguments or all(conforms(item, arguments[0]) for item in value)
        return not arguments or (len(value) == len(arguments) and all(map(conforms, value, arguments)))
    if isinstance(container, type) and issubclass(container, PurePath):
        return isinstance(value, str)
    return None


def describe(annotation: Any) -> str:
    """An annotation in words, such as ``a whole number or null``.

    Args:
        annotation: A type hint, resolved.

    Returns:
        Words for a message; alternatives that no plain value can have are left out.
    """
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return describe(arguments[0])
    if origin in (Union, types.UnionType):
        words = [describe(member) for member in arguments if _judge(None, member) is not None]
        return " or ".join(dict.fromkeys(words))
    if origin is Literal:
        return "one of " + ", ".join(repr(choice) for choice in arguments)
    container = annotation if origin is None else origin
    if container in _MAPPINGS:
        return "a mapping"
    if container is tuple and arguments and arguments[-1] is not Ellipsis:
        return f"a list of {len(arguments)}: {', '.join(describe(member) for member in arguments)}"
    if container in _LISTS:
        return f"a list, each {describe(arguments[0])}" if arguments else "a list"
    if isinstance(container, type) and issubclass(container, PurePath):
        return "a path"
    return _WORDS.get(type(None) if annotation is None else annotation, getattr(annotation, "__name__", "a value"))


def remedy(value: Any, annotation: Any) -> str:
    """What to write instead of a value of the wrong type, where that can be guessed; else an empty string."""
    if isinstance(value, str):
        for kind in (int, float):
            try:
                number = kind(value)
            except ValueError:
                continue
            if conforms(number, annotation):
                return "It is text: write it without quotes; around ${oc.env:...} put ${oc.decode:...}."
    if isinstance(value, float) and value.is_integer() and conforms(int(value), annotation):
        return f"Write {int(value)}."
    if not isinstance(value, list) and conforms([value], annotation):
        return f"Write it as a list: [{value}]"
    return ""
