"""YAML of unknown origin: bounded before it is parsed, and before anything is made of it.

A few kilobytes of aliases stand for gigabytes of values, and a long number takes minutes to read: files that people
write come nowhere near these limits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1 << 16
"""Of a file, or of a value on the command line."""
_MAX_NODES = 8_000
_MAX_CHARACTERS = 1 << 18
_MAX_DEPTH = 50
_MAX_DIGITS = 40
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
MISREAD = (ValueError, OverflowError, LookupError, AttributeError, TypeError)
"""What PyYAML raises beside its own where a tag is given and its word is none of that kind: ``!!bool maybe``."""
SUFFIXES = (".yaml", ".yml")


class TooMuchError(ValueError):
    """YAML that stands for more than anybody writes.

    Attributes:
        node: Where.
    """

    def __init__(self, problem: str, node: yaml.Node | None = None) -> None:
        """Takes the problem, in a few words, and the place."""
        super().__init__(problem)
        self.node = node


def read_text(path: Path) -> str:
    """Reads a file as UTF-8, if it is short.

    Raises:
        TooMuchError: It is longer than `MAX_BYTES`.
        OSError: It cannot be read.
        UnicodeDecodeError: It is not UTF-8.
    """
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise TooMuchError(f"more than {MAX_BYTES // 1024} KiB")
    return content.decode("utf-8-sig").replace("\r\n", "\n")


def compose(text: str, loader: type[yaml.SafeLoader] = yaml.SafeLoader) -> yaml.Node | None:
    """Parses YAML into nodes.

    Args:
        text: The YAML.
        loader: Whose rules decide what a word is.

    Returns:
        The topmost node, bounded; None where there is none.

    Raises:
        TooMuchError: It is longer, deeper or stands for more than anybody writes.
        yaml.YAMLError: It is not YAML.
    """
    if len(text) > MAX_BYTES:
        raise TooMuchError(f"more than {MAX_BYTES // 1024} KiB")
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=loader)
    except RecursionError as error:
        raise TooMuchError("nested too deeply") from error
    if node is not None:
        _Bounds().enter(node, 0)
    return node


def load(text: str) -> Any:
    """Parses YAML into plain values.

    Raises:
        TooMuchError: As `compose`.
        yaml.YAMLError: It is not YAML, or holds what is no plain value.
    """
    node = compose(text)
    try:
        return None if node is None else yaml.SafeLoader("").construct_document(node)
    except (*MISREAD, RecursionError) as error:
        raise yaml.YAMLError(f"a value is not what its tag says ({error})") from error


class _Bounds:
    """Counts what nodes stand for; aliases share nodes, so a node counts as often as it is met."""

    def __init__(self) -> None:
        self.nodes = self.characters = 0

    def enter(self, node: yaml.Node, depth: int) -> None:
        self.nodes += 1
        if depth > _MAX_DEPTH or self.nodes > _MAX_NODES:
            raise TooMuchError("too large: aliases or nesting without end", node)
        if isinstance(node, yaml.ScalarNode):
            self.characters += len(node.value)
            if self.characters > _MAX_CHARACTERS:
                raise TooMuchError("too large: aliases without end", node)
            if node.tag in _NUMBERS and len(node.value) > _MAX_DIGITS:
                raise TooMuchError(f"a number of more than {_MAX_DIGITS} characters", node)
            return
        for item in node.value:
            for part in item if isinstance(node, yaml.MappingNode) else (item,):
                self.enter(part, depth + 1)
