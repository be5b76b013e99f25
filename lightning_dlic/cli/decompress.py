"""``dlic decompress``: bitstreams to pictures."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from dlic_datamodules.work_processes import cores
from dlic_registry import DlicError, import_plugins
from dlic_registry.terminal import say
from lightning_dlic.cli.notes import notes
from lightning_dlic.cli.places import STANDARD, is_folder, place, run_folder
from lightning_dlic.cli.plugins import Plugins


def decompress(
    source: Annotated[str, typer.Argument(help="A .dlic file, a folder of them, or - for standard input.")],
    target: Annotated[str, typer.Argument(help="The picture, a folder for a folder, or - for PNG to standard output.")],
    pipeline: Annotated[
        str | None, typer.Option(help="Recipe of the pipeline that made the file, where it does not ship.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="A network that is not here is an error.")] = False,
    max_pixels: Annotated[int, typer.Option(min=1, help="Refuse larger pictures.")] = 1 << 28,
    max_net_pixels: Annotated[
        int, typer.Option(min=0, help="In larger pictures interpolation does the work of networks.")
    ] = 1 << 24,
    max_side: Annotated[
        int | None, typer.Option(min=1, help="Make a smaller picture, sooner: its longest side is this.")
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Of JPEG, WebP, AVIF or JPEG XL. Default: near enough to lossless."),
    ] = None,
    suffix: Annotated[str, typer.Option("--format", help="Of a folder's pictures: png, jpg, webp, ...")] = "png",
    workers: Annotated[int, typer.Option(min=0, help="Processes for a folder; 0 for one a core.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="In a folder, make again what is there.")] = False,
    plugin: Plugins = None,
) -> None:
    """Decode a .dlic file, or a folder of them.

    A network that the file asks for and that is not here is replaced by bicubic interpolation, with a warning. So are
    all networks in pictures of more than 16 megapixels.
    """
    import_plugins(plugin or [])
    from dlic_datamodules.picture_writer import picture_form

    limits = {"max_pixels": max_pixels, "max_net_pixels": max_net_pixels, "max_side": max_side}
    work = partial(_one, pipeline, strict, limits, quality)
    ending = picture_form(f"--format.{suffix.lower().lstrip('.')}", quality if is_folder(source) else None)
    if is_folder(source):
        from dlic_datamodules.folder_work import plan
        from lightning_dlic.codec.container import SUFFIX

        if target == STANDARD:
            raise DlicError(f"{source} is a folder; name a folder for its pictures, not standard output")
        found = plan(Path(source), Path(target), frozenset({SUFFIX}), ending)
        run_folder(found, work, workers or cores(), overwrite)
        return
    target = place(source, target, ending, overwrite)
    picture_form("standard output.png" if target == STANDARD else target, quality)
    with notes():
        message = work(source, target)
    if target != STANDARD:
        say(message)


def _one(
    pipeline: str | None,
    strict: bool,
    limits: dict[str, Any],
    quality: int | None,
    source: str | Path,
    target: str | Path,
) -> str:
    from lightning_dlic.codec import BitstreamError
    from lightning_dlic.pipeline.decompress import decode_strips
    from lightning_dlic.pipeline.pictures import save_strips
    from lightning_dlic.pipeline.plan import find_pipeline

    given = find_pipeline(pipeline) if pipeline else None
    try:
        picture = decode_strips(_read(source), pipeline=given, strict=strict, **limits)
    except BitstreamError as error:
        raise BitstreamError(f"{'standard input' if source == STANDARD else source}: {error}") from error
    save_strips(picture, target, quality)
    return f"{target}: {picture.width}x{picture.height} {'colour' if picture.color else 'grey'}"


def _read(source: str | Path) -> bytes:
    from dlic_datamodules.files import read_all
    from lightning_dlic.codec.container import MOST_BYTES

    piped = source == STANDARD
    try:
        return read_all(sys.stdin.buffer if piped else source, MOST_BYTES)
    except OSError as error:
        raise DlicError(f"{'standard input' if piped else source}: cannot be read ({error.strerror})") from error
