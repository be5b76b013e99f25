"""``dlic decompress``: bitstreams to pictures."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dlic_registry import DlicError
from lightning_dlic.cli.notes import notes

STANDARD = "-"


def decompress(
    source: Annotated[str, typer.Argument(help="A .dlic file, a folder of them, or - for standard input.")],
    target: Annotated[str, typer.Argument(help="The picture, a folder for a folder, or - for PNG to standard output.")],
    pipeline: Annotated[
        str | None, typer.Option(help="Recipe of the pipeline that made the file, where it does not ship.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="A network that is not here is an error.")] = False,
    max_pixels: Annotated[int, typer.Option(min=1, help="Refuse larger pictures.")] = 1 << 28,
    workers: Annotated[int, typer.Option(min=0, help="Processes for a folder; 0 for one a core.")] = 0,
) -> None:
    """Decode a .dlic file, or a folder of them.

    A network that the file asks for and that is not here is replaced by bicubic interpolation, with a warning.
    """
    work = partial(_one, pipeline, strict, max_pixels)
    if source != STANDARD and Path(source).is_dir():
        from lightning_dlic.cli.compress import run_folder
        from lightning_dlic.pipeline.folder import SUFFIX, plan

        if target == STANDARD:
            raise DlicError(f"{source} is a folder; name a folder for its pictures, not standard output")
        pairs = plan(Path(source), Path(target), frozenset({SUFFIX}), ".png")
        run_folder(pairs, work, workers or os.cpu_count() or 1)
        return
    with notes():
        message = work(source, target)
    if target != STANDARD:
        print(message)


def _one(pipeline: str | None, strict: bool, max_pixels: int, source: str | Path, target: str | Path) -> str:
    from lightning_dlic.pipeline.decompress import decompress as run
    from lightning_dlic.pipeline.pictures import save_picture
    from lightning_dlic.pipeline.plan import find_pipeline

    given = find_pipeline(pipeline) if pipeline else None
    picture = run(_read(source), pipeline=given, strict=strict, max_pixels=max_pixels)
    save_picture(picture, target)
    return f"{target}: {picture.shape[1]}x{picture.shape[0]} {'colour' if picture.ndim == 3 else 'grey'}"


def _read(source: str | Path) -> bytes:
    if source == STANDARD:
        return sys.stdin.buffer.read()
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise DlicError(f"{source}: cannot be read ({error.strerror})") from error
