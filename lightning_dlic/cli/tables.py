"""Tables of measurements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lightning_dlic.cli.cells import cells, console

if TYPE_CHECKING:
    from lightning_dlic.measure.base import Column, Row


def print_rows(rows: Sequence[Row], columns: Sequence[Column]) -> None:
    """Prints the table of a measure; columns without any value are left out."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    values = [row.cells() for row in rows]
    shown = [column for column in columns if any(row.get(column.name) is not None for row in values)]
    for title in ("data", "target"):
        table.add_column(title)
    for column in shown:
        table.add_column(column.title, justify="left" if column.left else "right", no_wrap=not column.left)
    previous = ""
    for row, given in zip(rows, values, strict=True):
        label = row.data if row.data != previous else ""
        table.add_row(*cells(label, row.target, *(column.cell(given.get(column.name)) for column in shown)))
        previous = row.data
    console(200).print(table)
