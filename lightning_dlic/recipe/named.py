"""Components of which a recipe may name several, each by its own key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Named:
    """A component with its arguments inline.

    Attributes:
        key: Dotted key where it stands.
        name: Registered name.
        args: Its arguments.
    """

    key: str
    name: str
    args: dict[str, Any]

    @classmethod
    def of(cls, key: str, name: str, spec: Mapping[str, Any]) -> Named:
        """The component that a mapping gives: of the name in it, or else of that one."""
        return cls(key, spec.get("name", name), {key: value for key, value in spec.items() if key != "name"})
