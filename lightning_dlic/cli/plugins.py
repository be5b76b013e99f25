"""``--plugin MODULE``, which every verb has that looks names up."""

from __future__ import annotations

from typing import Annotated

import typer

Plugins = Annotated[
    list[str] | None,
    typer.Option("--plugin", metavar="MODULE", help="Module to import first, for what it registers; may be repeated."),
]
