"""``dlic list``: what is registered, and what ships."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlic_registry import BrokenPluginError, DlicError, Entry, entries, import_plugins, load_entry, stage_kinds
from dlic_registry.terminal import printable_json, say
from lightning_dlic.cli.cells import cells, console
from lightning_dlic.cli.plugins import Plugins

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("kind", "name", "distribution", "version", "summary")
SHIPPED = ("recipe", "pipeline")
"""What is listed beside the kinds of the registry: files, found by name."""


def list_names(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="Only one kind: sr, net, data, loss, ... All where left out. stage lists those of all kinds, zoo "
            "trained networks, recipe and pipeline those that ship."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: a list of objects.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Import each, say which are broken; exit status 1 if any is.")
    ] = False,
    plugin: Plugins = None,
) -> None:
    """List registered stages, nets, data sets and the rest.

    Reads metadata only; nothing that is listed gets imported unless --check is given.
    """
    import_plugins(plugin or [])
    if kind is not None and kind.removesuffix("s") in SHIPPED:
        kind = kind.removesuffix("s")
        if check:
            raise DlicError(f"--check imports what is registered: a {kind} is checked by --print-recipe")
        _list(_shipped(kind), as_json)
        return
    if kind == "zoo":
        from lightning_dlic.cli.info import list_zoo

        list_zoo(as_json)
        return
    found = [entry for each in stage_kinds() for entry in entries(each)] if kind == "stage" else entries(kind)
    rows: list[dict[str, Any]] = [asdict(entry) for entry in found]
    broken: list[str] = []
    if check:
        for row, entry in zip(rows, found, strict=True):
            row["error"] = _error(entry)
        broken = [row["error"] for row in rows if row["error"]]
    _list(rows, as_json, check)
    if not as_json:
        for error in broken:
            say(f"\n{error}", lines=True)
    if broken:
        raise typer.Exit(1)


def _error(entry: Entry) -> str | None:
    try:
        load_entry(entry)
    except BrokenPluginError as error:
        return str(error)
    return None


def _shipped(kind: str) -> list[dict[str, Any]]:
    """Rows of the recipes, or of the pipelines, that ship."""
    from lightning_dlic import __version__
    from lightning_dlic.recipe.find import shipped_summaries

    found = shipped_summaries(pipelines=kind == "pipeline").items()
    return [dict(zip(COLUMNS, (kind, name, "lightning-dlic", __version__, text), strict=True)) for name, text in found]


def _list(rows: list[dict[str, Any]], as_json: bool, check: bool = False) -> None:
    if as_json:
        print(printable_json(json.dumps(rows, indent=2, ensure_ascii=False)))
    else:
        console().print(_table(rows, check))


def _table(rows: list[dict[str, Any]], check: bool) -> Table:
    # Imported here: rich alone takes longer than the whole of --json.
    from rich.table import Table

    columns = (*COLUMNS[:-1], "check", COLUMNS[-1]) if check else COLUMNS
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        status = {"check": "broken" if row.get("error") else "ok"}
        table.add_row(*cells(*({**row, **status}[column] for column in columns)))
    return table
