"""``dlic demo``: a page on this machine that codes photographs while one watches."""

from __future__ import annotations

import webbrowser
from importlib.util import find_spec
from typing import Annotated

import typer

from dlic_registry import DlicError, import_plugins
from dlic_registry.terminal import say
from lightning_dlic.cli.plugins import Plugins


def demo(
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Where to listen; 0 for any that is free. Default: 8642, if that is."),
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    workers: Annotated[int, typer.Option(min=1, max=16, help="Visitors whose pictures are coded at a time.")] = 2,
    plugin: Plugins = None,
) -> None:
    """Open a page that codes photographs while you watch.

    It listens on 127.0.0.1 alone, asks no other machine for anything, and keeps what it is given in a temporary folder
    that goes when it ends.
    """
    import_plugins(plugin or [])
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise DlicError(
            f"dlic demo needs {' and '.join(missing)}, which is not installed here.\n"
            "Install it with: pip install 'lightning-dlic[demo]'"
        )
    from lightning_dlic.demo.serve import serve

    def ready(address: str) -> None:
        say(f"dlic demo: {address} (Ctrl-C ends it)")
        if browser:
            webbrowser.open(address)

    serve(port, workers, ready)
