"""Values from the command line: text where text is due, as YAML reads them elsewhere.

docs/reference/recipes.md has the rules. What a key takes is known late, for arguments only once their class is
imported; so a value is read without knowing, and what was written travels with it until it is.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lightning_dlic.recipe.errors import RecipeError
from lightning_dlic.recipe.typecheck import alternatives, is_text, surely

COMMAND_LINE = "command line"
NULLS = ("", "~", "null", "Null", "NULL", "None")


@dataclass(frozen=True)
class Given:
    """What was written on the command line for a key.

    Attributes:
        text: As it stands; None for a list or a mapping inside another.
        node: As YAML reads the whole of it; None where it does not.
        problem: Why it does not, where it looks like a list or a mapping.
    """

    text: str | None
    node: yaml.Node | None = None
    problem: RecipeError | None = None

    def __str__(self) -> str:
        return COMMAND_LINE

    @property
    def quoted(self) -> bool:
        """Whether the whole stands in quotes."""
        return isinstance(self.node, yaml.ScalarNode) and self.node.style in ("'", '"')


def whole(text: str, node: yaml.Node | None) -> yaml.Node | None:
    """The node if it is all of a text on one line: no comment, anchor, tag or lines of a block beside it."""
    written = text.strip()
    if node is None or (isinstance(node, yaml.CollectionNode) and not node.flow_style):
        return None
    if node.end_mark.index < len(text.rstrip()) or node.start_mark.index > len(text) - len(text.lstrip()):
        return None
    if isinstance(node, yaml.ScalarNode) and node.style is None:
        return node if node.value == written else None
    return node if written[0] in "'\"[{" else None


def as_due(given: Given, value: Any, text: str | None, annotation: Any, *, optional: bool = False) -> Any:
    """A value of the command line as its key takes it.

    Args:
        given: What was written.
        value: What was read without knowing the key; interpolations resolved, where that is done.
        text: What was written as it stands; interpolations resolved likewise.
        annotation: What the key takes.
        optional: Whether it may be null, whatever the annotation says.

    Returns:
        The value; as it was where the annotation says nothing of text.

    Raises:
        RecipeError: It looks like a list or a mapping, which the key takes, and YAML does not read it.
    """
    kinds = list(alternatives(annotation))
    others = [kind for kind in kinds if not is_text(kind)]
    if len(others) == len(kinds):
        if given.problem is not None and isinstance(value, str):
            raise given.problem
        return next(_inside(given.node, value, kinds), value)
    if text is None or given.quoted:
        return value
    if text.strip() in NULLS and (optional or type(None) in kinds):
        return None
    found = next(_inside(given.node, value, others), text)
    broken = given.problem is not None and any(surely({"[": [], "{": {}}[text.lstrip()[0]], kind) for kind in others)
    if (broken or found is not text) and _is_there(text):
        return text
    if broken and given.problem is not None:
        raise given.problem
    return found


def _is_there(text: str) -> bool:
    """Whether a file or folder is called just so, brackets and all."""
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False


def _inside(node: yaml.Node | None, value: Any, kinds: list[Any]) -> Iterator[Any]:
    """The value as each of these kinds, where it is one: words are text inside of lists and mappings, too."""
    for kind in kinds:
        members = typing.get_args(kind)
        made = value
        if isinstance(value, list) and isinstance(node, yaml.SequenceNode) and members:
            made = [_item(part, item, members[0]) for part, item in zip(node.value, value, strict=False)]
        elif isinstance(value, dict) and isinstance(node, yaml.MappingNode) and len(members) == 2:
            parts = {key.value: part for key, part in node.value}
            made = {key: _item(parts.get(key), item, members[1]) for key, item in value.items()}
        if not isinstance(made, str) and made is not None and surely(made, kind):
            yield made


def _item(node: yaml.Node | None, value: Any, annotation: Any) -> Any:
    kinds = list(alternatives(annotation))
    if isinstance(value, (list, dict)):
        return next(_inside(node, value, kinds), value)
    if isinstance(value, str) or not isinstance(node, yaml.ScalarNode) or not any(map(is_text, kinds)):
        return value
    if any(surely(value, kind) for kind in kinds):
        return value
    return node.value
