"""``dlic push``: a trained network as a model repository."""

from __future__ import annotations

from typing import Annotated

import typer

from dlic_registry import import_plugins
from dlic_registry.terminal import say
from lightning_dlic.cli.plugins import Plugins


def push_network(
    target: Annotated[
        str, typer.Argument(help="A run's folder, a weights file, or a name of the zoo.", show_default=False)
    ],
    where: Annotated[str, typer.Argument(help="hf://USER/REPO, or a folder.", show_default=False)],
    licence: Annotated[str, typer.Option(help="Terms of the weights, such as apache-2.0.")] = "",
    summary: Annotated[str, typer.Option(help="A line that says what they are.")] = "",
    private: Annotated[bool, typer.Option("--private", help="Make a repository that is new private.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write into a folder that is there.")] = False,
    plugin: Plugins = None,
) -> None:
    """Write weights and card to the hub, or into a folder.

    The repository holds the weights, a card and a page, and a run's pipeline. It is written hf://USER/REPO wherever a
    network is named. A folder needs neither network nor token, and serves as a zoo (DLIC_ZOO) too.
    """
    import_plugins(plugin or [])
    from lightning_dlic.api.pushing import push

    made = push(target, where, licence=licence, summary=summary, private=private, overwrite=overwrite)
    for file in made.files:
        say(f"{where}/{file}")
    if made.address is not None:
        say(f"\nPinned: {made.address}", lines=True)
