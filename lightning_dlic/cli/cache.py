"""``dlic cache``: what decoded pictures lie on the disk, whether they are whole, and away with them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dlic_registry import DlicError
from dlic_registry.terminal import say

app = typer.Typer(add_completion=False, no_args_is_help=True, help="List, check or clear cached pictures.")

Directory = Annotated[
    Path | None, typer.Option("--dir", help="Root of the cache; by default $DLIC_CACHE or ~/.cache/dlic.")
]


@app.command("list")
def list_(directory: Directory = None) -> None:
    """Cached sets: key, pictures, size, and the folders they were made of."""
    from dlic_datamodules.cache import cache_root, entries
    from dlic_datamodules.sizes import readable_size

    found = entries(directory)
    for entry in found:
        state = f"{entry.pictures} pictures" if entry.whole else entry.state
        say(f"{entry.key}  {state}  {readable_size(entry.bytes)}  {', '.join(entry.where)}".rstrip())
    total = sum(entry.bytes for entry in found)
    say(f"{len(found)} sets, {readable_size(total)} in {cache_root(directory)}")


@app.command()
def check(
    keys: Annotated[
        list[str] | None, typer.Argument(help="Keys as `dlic cache list` gives them; all by default.")
    ] = None,
    directory: Directory = None,
) -> None:
    """Read every byte of cached sets; what was damaged is named, and the exit status is 1."""
    from dlic_datamodules.cache import check as read

    damaged = 0
    for entry, problem in read(directory, keys or None):
        say(f"{entry.key}  {'whole' if problem is None else f'damaged: {problem}'}")
        damaged += problem is not None
    if damaged:
        raise typer.Exit(1)


@app.command()
def clear(
    keys: Annotated[list[str] | None, typer.Argument(help="Keys as `dlic cache list` gives them.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    directory: Directory = None,
) -> None:
    """Remove cached sets; those being built stay."""
    from dlic_datamodules.cache import clear as remove
    from dlic_datamodules.sizes import readable_size

    if bool(keys) == everything:
        raise DlicError("which sets? dlic cache clear KEY ... (see: dlic cache list), or dlic cache clear --all")
    removed = remove(directory, None if everything else keys)
    say(f"removed {len(removed)} sets, {readable_size(sum(entry.bytes for entry in removed))}")
