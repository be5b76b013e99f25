"""``dlic upscale``: enlarge pictures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlic_registry import DlicError, import_plugins
from lightning_dlic.cli.targets import find_target, open_targets

if TYPE_CHECKING:
    from lightning_dlic.operators.enlarger import Progress


def upscale_pictures(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A picture, or a folder of pictures.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A file, or a folder.")],
    model: Annotated[
        str,
        typer.Option(help="Network: a name of the zoo, a .safetensors or .ckpt file, a run's folder; or bicubic."),
    ] = "compact_x4",
    scale: Annotated[
        int | None, typer.Option(min=1, max=16, help="Factor of a baseline; a network has its own.")
    ] = None,
    suffix: Annotated[
        str | None, typer.Option("--format", help="Format of the results, such as png. Default: each picture's own.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make again what is there already.")] = False,
    device: Annotated[str, typer.Option(help="Where the network computes: cpu, cuda, mps, auto.")] = "cpu",
    plugin: Annotated[list[str] | None, typer.Option(help="Module to import first, for networks it registers.")] = None,
) -> None:
    """Enlarge a picture, or a folder of pictures.

    Keeps 16 bits (PNG, TIFF), transparency and the colour profile. A folder may be interrupted and gone on with: each
    result is written whole or not at all, and what is there is left alone.
    """
    import_plugins(plugin or [])
    found = find_target(model)
    from lightning_dlic.cli.device import pick_device
    from lightning_dlic.operators.upscale import plan, upscale_file

    jobs = plan(source, target, None if suffix is None else f".{suffix.lower().lstrip('.')}")
    waiting = [job for job in jobs if overwrite or source.is_file() or not job.target.exists()]
    (enlarger,) = open_targets([found], scale, pick_device(device))
    failed = []
    for number, job in enumerate(waiting, 1):
        try:
            job.target.parent.mkdir(parents=True, exist_ok=True)
            with _progress(f"{number}/{len(waiting)} {job.source.name}") as progress:
                lost = upscale_file(job.source, job.target, enlarger, progress)
        except OSError as error:
            raise DlicError(f"{job.target.parent}: cannot be made ({error.strerror or error})") from error
        except DlicError as error:
            # One broken picture must not cost the rest of the folder.
            if len(jobs) == 1:
                raise
            failed.append(error)
            print(f"error: {error}", file=sys.stderr)
            continue
        if lost:
            print(f"note: {job.target}: this format does not keep {' and '.join(lost)}", file=sys.stderr)
    skipped = len(jobs) - len(waiting)
    print(
        f"{len(waiting) - len(failed)} enlarged x{enlarger.scale} by {enlarger.name}"
        + (f", {skipped} were there already (--overwrite makes them again)" if skipped else "")
    )
    if failed:
        raise DlicError(f"{len(failed)} of {len(jobs)} pictures could not be enlarged; each is named above")


@contextmanager
def _progress(label: str) -> Iterator[Progress | None]:
    """A bar for a picture, where somebody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=1.0)
        yield lambda share: bar.update(task, completed=share)
