"""``dlic show``: a bitstream taken apart, for people to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dlic_registry import DlicError, import_plugins
from dlic_registry.terminal import say
from lightning_dlic.cli.notes import notes
from lightning_dlic.cli.plugins import Plugins


def show(
    source: Annotated[Path, typer.Argument(help="A .dlic file.")],
    target: Annotated[
        Path | None, typer.Argument(help="A .png or .html file. Default: a page beside it.", show_default=False)
    ] = None,
    original: Annotated[
        Path | None, typer.Option(help="The picture that it was made of, to stand beside it with figures.")
    ] = None,
    pipeline: Annotated[
        str | None, typer.Option(help="Recipe of the pipeline that made it, where it does not ship.")
    ] = None,
    plugin: Plugins = None,
) -> None:
    """Draw a .dlic file: the picture, its layers, where its bytes went.

    As one PNG, or as one page of HTML that asks nobody for anything.
    """
    import_plugins(plugin or [])
    if source.is_dir():
        raise DlicError(f"{source}: is a folder; name a .dlic file")
    place = target or source.with_suffix(".html")
    if place.suffix.lower() not in (".png", ".html"):
        raise DlicError(f"{place}: write a name that ends in .png or .html")
    from dlic_datamodules.files import check_target, read_all, write_file
    from lightning_dlic.codec import BitstreamError
    from lightning_dlic.codec.container import MOST_BYTES
    from lightning_dlic.pages.sheet import sheet_page, take_apart
    from lightning_dlic.pipeline.pictures import load_picture
    from lightning_dlic.pipeline.plan import find_pipeline

    check_target(place, source)
    with notes():
        given = find_pipeline(pipeline) if pipeline else None
        beside = load_picture(original) if original else None
        try:
            sheet = take_apart(source.name, read_all(source, MOST_BYTES), beside, given)
        except BitstreamError as error:
            raise BitstreamError(f"{source}: {error}") from error
        if place.suffix.lower() == ".png":
            from lightning_dlic.pages.drawn import sheet_picture

            write_file(place, sheet_picture(sheet))
        else:
            write_file(place, sheet_page(sheet))
    shown = ", ".join(panel.title.lower() for panel in sheet.panels)
    say(f"{place}: {shown}; {sheet.bytes:,} bytes in {len(sheet.parts)} parts")
