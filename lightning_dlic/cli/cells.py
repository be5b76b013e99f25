"""What goes into tables and bars: text of any origin, which neither rich nor a terminal may take for commands."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from dlic_registry.terminal import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def cells(*values: object) -> list[Text]:
    """Values as the cells of a table's row."""
    from rich.text import Text

    return [Text(printable(value)) for value in values]


def label(text: str) -> str:
    """A text as the label of a bar."""
    from rich.markup import escape

    return escape(printable(text))


def console(width: int = 10_000) -> Console:
    """Where tables are printed. A pipe has no width to fit into: one line an entry is what other programs want."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else width)
