"""``dlic new``: a package to begin a plug-in with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dlic_registry import KINDS, import_plugins
from dlic_registry.terminal import command, say
from lightning_dlic.cli.plugins import Plugins

_WHAT = ("stage", *KINDS)


def new(
    what: Annotated[str, typer.Argument(help=f"{', '.join(_WHAT[:-1])} or {_WHAT[-1]}.", show_default=False)],
    name: Annotated[
        str, typer.Argument(help="Name to register: lower-case letters, digits, underscores.", show_default=False)
    ],
    into: Annotated[Path, typer.Option(help="Folder to write the package into.")] = Path(),
    of: Annotated[str, typer.Option(help="Kind of a stage: sr, colorization, ...")] = "sr",
    plugin: Plugins = None,
) -> None:
    """Write a package that adds a stage, a net, a codec ...

    It is complete: it installs, trains by the recipe in it, and passes its own tests. Change it from there.
    """
    import_plugins(plugin or [])
    from lightning_dlic.scaffold.write import write_package

    made = write_package(what, name, into, of)
    for file in made.files:
        say(made.folder / file)
    say(f"\nNext:\n  cd {command(made.folder)}\n  pip install -e '.[test]' && pytest\n  {made.use}", lines=True)
