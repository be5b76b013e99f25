"""``dlic info``: what is known of a network of the zoo, of a run, or of a file."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from dlic_datamodules.files import read_all
from dlic_registry import DlicError, import_plugins
from dlic_registry.terminal import printable_json
from lightning_dlic.api.targets import PICKLES, Target, find_target, is_run, load_target_net
from lightning_dlic.cli.cells import cells, console
from lightning_dlic.cli.plugins import Plugins
from lightning_dlic.codec.container import MAGIC
from lightning_dlic.codec.errors import BitstreamError
from lightning_dlic.metrics.strict_json import strict_json
from lightning_dlic.zoo import Card, cards, find_card, inspect_net, sha256
from lightning_dlic.zoo.files import has_record
from lightning_dlic.zoo.hub import fetch, names_hub, pinned

# What shows a file, by its suffix: ``module:function``, a function of a path that returns plain types.
# Of a file on standard input.
_MOST_BYTES = 1 << 31
FILES = {
    ".dlic": "lightning_dlic.codec:describe",
    ".safetensors": "lightning_dlic.cli.info:describe_weights",
    **dict.fromkeys((".ckpt", *PICKLES), "lightning_dlic.cli.info:describe_built"),
}


def info(
    target: Annotated[
        str | None,
        typer.Argument(
            help="Name in the zoo, a file, a run's folder, or - for standard input. Lists the zoo where left out.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plugin: Plugins = None,
) -> None:
    """Show what is known of a network of the zoo, of a run, or of a file."""
    import_plugins(plugin or [])
    if target is None:
        list_zoo(as_json)
        return
    facts = describe(target)
    if as_json:
        print(printable_json(strict_json(facts, indent=2)))
    else:
        _show(facts)


def describe(target: str) -> dict[str, Any]:
    """What is known of a target, as plain types.

    Args:
        target: Name in the zoo, ``zoo:NAME``, ``hf://USER/REPO``, a file of a kind in `FILES`, a run's folder, or ``-``
            for a file on standard input.

    Raises:
        DlicError: It is neither, or the file cannot be read.
    """
    if target == "-":
        return _describe_bytes(_standard_input())
    if names_hub(target):
        return {"pinned": pinned(target), **describe_weights(fetch(target))}
    path = Path(target)
    if not target.startswith("zoo:") and os.path.isfile(path):
        if path.suffix.lower() not in FILES:
            raise DlicError(f"{target}: dlic info knows {', '.join(sorted(FILES))} files and names of the zoo")
        module, _, function = FILES[path.suffix.lower()].partition(":")
        try:
            facts: dict[str, Any] = getattr(import_module(module), function)(path)
        except BitstreamError as error:
            raise BitstreamError(f"{path}: {error}") from error
        return facts
    if is_run(path):
        return describe(str(find_target(target).file))
    if path.suffix.lower() in FILES:
        raise DlicError(f"{target}: no such file")
    return describe_card(find_card(target.removeprefix("zoo:")))


def _standard_input() -> bytes:
    try:
        return read_all(sys.stdin.buffer, _MOST_BYTES)
    except OSError as error:
        raise DlicError(f"standard input: cannot be read ({error.strerror})") from error


def _describe_bytes(data: bytes) -> dict[str, Any]:
    """What is known of a file by its bytes alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"standard input{'.dlic' if data.startswith(MAGIC) else '.safetensors'}"
        path.write_bytes(data)
        try:
            facts = describe(str(path))
        except DlicError as error:
            raise DlicError(str(error).replace(str(path), "standard input")) from error
    return facts | ({"file": "-"} if "file" in facts else {})


def describe_card(card: Card) -> dict[str, Any]:
    """A card's fields, with its file's size and whether the file is the one the card speaks of."""
    facts = {key: value for key, value in asdict(card).items() if key != "folder"}
    intact = sha256(card.weights) == card.sha256
    return {**facts, "file": str(card.weights), "bytes": card.weights.stat().st_size, "intact": intact}


def describe_weights(path: Path) -> dict[str, Any]:
    """What a weights file says of its network; of one that others published, what its tensors say."""
    return {**_of_file(path), **inspect_net(path)} if has_record(path) else describe_built(path)


def describe_built(path: Path) -> dict[str, Any]:
    """What is known of a network that must be built for that: a checkpoint's, or one whose tensors alone are there."""
    net, meta = load_target_net(Target(str(path), path.stem, path))
    return {**_of_file(path), **meta, "parameters": sum(parameter.numel() for parameter in net.parameters())}


def _of_file(path: Path) -> dict[str, Any]:
    return {"file": str(path), "bytes": path.stat().st_size, "sha256": sha256(path)}


def list_zoo(as_json: bool) -> None:
    """Prints the networks of the zoo.

    Args:
        as_json: As a list of objects, for programs.
    """
    found = cards()
    if as_json:
        rows = [{key: value for key, value in asdict(card).items() if key != "folder"} for card in found.values()]
        print(printable_json(strict_json(rows, indent=2)))
        return
    from rich.table import Table

    table = Table("name", "stage", "scale", "parameters", "steps", "summary", box=None, header_style="bold")
    for card in found.values():
        counts = f"{card.parameters:,}", f"{card.steps:,}"
        # Networks of one size, or of several, have none to show.
        scale = f"x{card.scale}" if card.scale > 1 else ""
        table.add_row(*cells(card.name, card.stage, scale, *counts, card.summary))
    console().print(table if found else "The zoo is empty.")


def _show(facts: Mapping[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, value in facts.items():
        if key == "pipeline" and isinstance(value, int):
            value = _pipeline(value)
        for number, line in enumerate(_lines(value)):
            table.add_row(*cells(key if number == 0 else "", line))
    console().print(table)


def _pipeline(number: int) -> str:
    from lightning_dlic.pipeline.plan import pipeline_title

    return f"{pipeline_title(number)} (number {number})"


def _lines(value: Any) -> list[str]:
    """A value in lines: an entry a line for lists and for mappings of mappings."""
    if isinstance(value, Mapping):
        nested = any(isinstance(item, Mapping) for item in value.values())
        pairs = [f"{key}: {_inline(item)}" for key, item in value.items()]
        return (pairs if nested else [", ".join(pairs)]) or ["-"]
    if isinstance(value, list):
        return [_inline(item) for item in value] or ["-"]
    if value is None or isinstance(value, bool):
        return [{None: "-", True: "yes", False: "no"}[value]]
    return (f"{value:.4g}" if isinstance(value, float) else str(value)).rstrip().splitlines() or ["-"]


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)
