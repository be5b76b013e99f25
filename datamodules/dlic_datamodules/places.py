"""Where sets lie if nobody says where."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["place"]


def place(root: str | None, name: str) -> Path:
    """The folder of a set.

    Args:
        root: What the recipe says.
        name: The set's folder below ``$DLIC_DATA`` (``data`` where that is not set), for a recipe that says nothing.

    Returns:
        The folder, whether or not it exists.
    """
    return Path(root).expanduser() if root is not None else Path(os.environ.get("DLIC_DATA") or "data") / name
