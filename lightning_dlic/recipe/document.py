"""Reads YAML into plain values, and remembers on which line each key stands."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lightning_dlic import bounded_yaml
from lightning_dlic.bounded_yaml import MISREAD, TooMuchError
from lightning_dlic.recipe.errors import RecipeError, clip
from lightning_dlic.recipe.given import COMMAND_LINE, NULLS, Given, whole
from lightning_dlic.recipe.inherit import left_behind

Keys = tuple[str, ...]

_MOST = 1 << 63
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_FLOAT = "tag:yaml.org,2002:float"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


@dataclass(frozen=True)
class Position:
    """Where a key was written."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


Where = Position | Given | str


@dataclass
class Document:
    """Plain values, and where each key stands.

    Attributes:
        values: Mappings, lists, texts, numbers, booleans and None.
        marks: Position of each key, by its path.
    """

    values: dict[str, Any] = field(default_factory=dict)
    marks: dict[Keys, Where] = field(default_factory=dict)


class _Loader(yaml.SafeLoader):
    """YAML as OmegaConf reads it: ``1e-5`` is a number, a date is text."""


class _Dumper(yaml.SafeDumper):
    """Quotes what `_Loader` would not read as text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_RESOLVERS = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_FLOAT, _TIMESTAMP)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_NUMBER = re.compile(
    r"""^(?:[-+]?[0-9]+(?:_[0-9]+)*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
        |[-+]?[0-9]+(?:_[0-9]+)*[eE][-+]?[0-9]+
        |\.[0-9]+(?:_[0-9]+)*(?:[eE][-+][0-9]+)?
        |[-+]?[0-9]+(?:_[0-9]+)*(?::[0-5]?[0-9])+\.[0-9_]*
        |[-+]?\.(?:inf|Inf|INF)
        |\.(?:nan|NaN|NAN))$""",
    re.VERBOSE,
)
for _class in (_Loader, _Dumper):
    _class.yaml_implicit_resolvers = {first: list(resolvers) for first, resolvers in _RESOLVERS.items()}
    _class.add_implicit_resolver(_FLOAT, _NUMBER, list("-+0123456789."))


def read(path: Path, shown: str) -> Document:
    """Reads a recipe's file.

    Args:
        path: The file.
        shown: How messages name it.

    Returns:
        Its mapping with positions.

    Raises:
        RecipeError: It cannot be read, is not UTF-8, not YAML, empty, or not a mapping.
    """
    try:
        text = bounded_yaml.read_text(path)
    except TooMuchError as error:
        raise RecipeError(f"is no recipe: {error}", where=shown) from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"not UTF-8 text (byte {error.start})", where=shown, hint="Save it as UTF-8.") from error
    except OSError as error:
        raise RecipeError(f"cannot be read: {error.strerror}", where=shown) from error
    node = _compose(text, shown)
    if node is None:
        raise RecipeError("the file is empty", where=shown, hint="A recipe starts with: extends: [base/sr.yaml]")
    document = Document()
    if not isinstance(node, yaml.MappingNode):
        found = "a list" if isinstance(node, yaml.SequenceNode) else "a bare word"
        raise RecipeError(
            f"a recipe is a mapping, not {found}",
            where=f"{shown}:{node.start_mark.line + 1}",
            hint="Write keys at the left margin, as in: train: sr",
        )
    document.values = _Reader(shown, document.marks).value(node, ())
    return document


def read_value(text: str, keys: Keys) -> Document:
    """Reads the value of an override without knowing what its key takes.

    A number, true or false, null (also ``None``), a list or a mapping is read as YAML has it; all else is text as it
    stands. `Given` marks the value, for keys that take text.

    Args:
        text: What stands behind the ``=``.
        keys: The key it is for.

    Returns:
        A document that holds this value alone, at its key.
    """
    marks: dict[Keys, Where] = {keys[:depth]: COMMAND_LINE for depth in range(1, len(keys))}
    value, marks[keys] = _read_line(text, keys, marks)
    for key in reversed(keys):
        value = {key: value}
    return Document(value, marks)


def _read_line(text: str, keys: Keys, marks: dict[Keys, Where]) -> tuple[Any, Given]:
    if text.strip() in NULLS:
        return None, Given(text)
    looks = text.lstrip()[:1] in ("[", "{")
    try:
        node = whole(text, _compose(text, COMMAND_LINE, ".".join(keys)))
        if node is None:
            return text, Given(text)
        inner: dict[Keys, Where] = {}
        value = _Reader(COMMAND_LINE, inner, lines=False).value(node, keys)
    except RecipeError as error:
        return text, Given(text, None, error if looks else None)
    marks.update(inner)
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return text if plain and isinstance(value, str) else value, Given(text, node)


def dump(values: dict[str, Any]) -> str:
    """Writes plain values as YAML that `read` reads as the same values, and that may be printed."""
    options: dict[str, Any] = {"Dumper": _Dumper, "sort_keys": False, "width": 120}
    text: str = yaml.dump(values, allow_unicode=True, **options)
    return text if text.replace("\n", "").isprintable() else str(yaml.dump(values, allow_unicode=False, **options))


def _compose(text: str, shown: str, key: str = "") -> yaml.Node | None:
    try:
        return bounded_yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, shown, key) from error
    except yaml.YAMLError as error:
        problem = f"not YAML: {' '.join(str(error).split())}"
        raise RecipeError(problem, where=shown, key=key, hint="Save it as plain UTF-8 text.") from error
    except TooMuchError as error:
        line = "" if key or error.node is None else f":{error.node.start_mark.line + 1}"
        raise RecipeError(str(error), where=f"{shown}{line}", key=key) from error


def _syntax_error(error: yaml.MarkedYAMLError, text: str, shown: str, key: str) -> RecipeError:
    """Says what to do, beside what the YAML library says."""
    problem = error.problem or "syntax error"
    if key:
        return RecipeError(
            f"{clip(text)!r} is not a YAML value ({problem})", where=shown, key=key, hint=f"Quote it: '{key}=\"...\"'"
        )
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return RecipeError(f"not YAML: {problem}", where=shown)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\\t" in problem or "\t" in line[: mark.column + 1]:
        remedy = "Put spaces in place of the tab."
    elif "mapping values are not allowed" in problem:
        remedy = "Quote a value that holds ': ', or align this line with its neighbours."
    elif "another document" in problem:
        remedy = "Keep one recipe in a file: remove the '---'."
    else:
        remedy = "Check indentation, brackets and quotes here and on the line above."
    where = f"{shown}:{mark.line + 1}:{mark.column + 1}"
    return RecipeError(f"not YAML: {problem}", where=where, hint=f"    {clip(line.strip(), 100)}\n{remedy}")


class _Reader:
    """Turns composed nodes into plain values and notes positions."""

    def __init__(self, shown: str, marks: dict[Keys, Where], *, lines: bool = True) -> None:
        self.shown = shown
        self.marks = marks
        self.lines = lines
        self.scalars = _Loader("")

    def value(self, node: yaml.Node, keys: Keys) -> Any:
        if isinstance(node, yaml.CollectionNode) and node.tag not in _COLLECTIONS:
            raise self._error(node, keys, f"values tagged {node.tag} are not read", "Remove the tag.")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, keys)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*keys, str(index))) for index, item in enumerate(node.value)]
        return self._scalar(node, keys)

    def _mapping(self, node: yaml.MappingNode, keys: Keys) -> dict[str, Any]:
        values: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, keys)
            if key in values:
                problem = f"{key!r} stands here twice, first on line {first[key]}"
                raise self._error(key_node, keys, problem, "Keep one of the two.")
            first[key] = key_node.start_mark.line + 1
            path = (*keys, key)
            self.marks[path] = self._where(key_node, value_node)
            values[key] = self.value(value_node, path)
        return values

    def _key(self, node: yaml.Node, keys: Keys) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(node, keys, "a key must be a word")
        key: str = node.value
        if key == "<<":
            raise self._error(node, keys, "merge keys (<<) are not read", "Put what is shared into a file to extend.")
        if node.style is None and not isinstance(self._scalar(node, keys), str):
            raise self._error(node, keys, f"YAML does not read the key {key} as a word", f'Quote it: "{key}"')
        if "." in key or not key.strip():
            nested = key.replace(".", ": {", 1) + ": ...}" if "." in key.strip(".") else "key: value"
            raise self._error(node, keys, f"{key!r} cannot be a key in a file", f"Nest it: {nested}")
        if not key.isprintable() or "[" in key or "]" in key:
            raise self._error(node, keys, f"{clip(key)!r} cannot be a key", "Name a key of the recipe or an argument.")
        return key

    def _scalar(self, node: yaml.Node, keys: Keys) -> Any:
        if not self.lines and node.value == "None" and getattr(node, "style", None) is None:
            return None
        try:
            value = self.scalars.construct_object(node)
        except (yaml.YAMLError, *MISREAD) as error:
            raise self._error(node, keys, f"{clip(node.value)!r} cannot be read as {node.tag}", "Quote it.") from error
        if value is not None and not isinstance(value, (str, int, float)):
            raise self._error(node, keys, f"values tagged {node.tag} are not read", "Write a text or a number.")
        if isinstance(value, int) and not -_MOST <= value < _MOST:
            raise self._error(node, keys, f"{clip(node.value, 24)} is too large for a whole number", "It has 64 bits.")
        return value

    def _where(self, node: yaml.Node, value: yaml.Node | None = None) -> Where:
        if self.lines:
            return Position(self.shown, node.start_mark.line + 1)
        return Given(value.value if isinstance(value, yaml.ScalarNode) else None, value)

    def _error(self, node: yaml.Node, keys: Keys, problem: str, hint: str = "") -> RecipeError:
        return RecipeError(problem, where=self._where(node), key=".".join(keys), hint=hint)


def merge(base: Document, over: Document) -> None:
    """Lays a document over another, in place: mappings merge, all else replaces.

    Where a mapping names another component, the old one's arguments are not inherited: see `left_behind`.

    Args:
        base: What is changed.
        over: What wins; its positions come along.
    """
    _merge(base.values, over.values, base.marks, ())
    base.marks.update(over.marks)


def _merge(into: dict[str, Any], new: Mapping[str, Any], marks: dict[Keys, Where], at: Keys) -> None:
    for key, value in new.items():
        path, old = (*at, key), into.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            for stale in left_behind(path, old, value):
                _drop(old, stale, marks, path)
            _merge(old, value, marks, path)
            continue
        for stale in _paths(old, path):
            marks.pop(stale, None)
        # A copy: what is extended twice must not be changed by what comes between.
        into[key] = copy.deepcopy(value)


def _drop(values: dict[str, Any], inside: Keys, marks: dict[Keys, Where], at: Keys) -> None:
    """Takes a key away, with its position and those inside of it."""
    for key in inside[:-1]:
        values = values[key]
    for stale in _paths(values.pop(inside[-1]), (*at, *inside)):
        marks.pop(stale, None)


def _paths(value: Any, at: Keys) -> Iterator[Keys]:
    """The key of a value, and all inside of it."""
    yield at
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _paths(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, (*at, str(index)))
