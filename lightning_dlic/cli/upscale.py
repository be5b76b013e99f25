"""``dlic upscale``: enlarge pictures."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlic_registry import import_plugins
from dlic_registry.terminal import say
from lightning_dlic.api.targets import find_target
from lightning_dlic.cli.cells import label
from lightning_dlic.cli.notes import notes
from lightning_dlic.cli.places import refuse_existing, run_folder
from lightning_dlic.cli.plugins import Plugins

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
    plugin: Plugins = None,
) -> None:
    """Enlarge a picture, or a folder of pictures.

    Keeps 16 bits (PNG, TIFF), transparency and the colour profile. A folder may be interrupted and gone on with: each
    result is written whole or not at all, and what is there is left alone.
    """
    import_plugins(plugin or [])
    # A mistyped name should not wait for torch.
    find_target(model)
    from dlic_datamodules.files import check_target
    from lightning_dlic.api.networks import open_enlarger
    from lightning_dlic.cli.device import pick_device
    from lightning_dlic.operators.upscale import plan_upscale, upscale_file

    work = plan_upscale(source, target, None if suffix is None else f".{suffix.lower().lstrip('.')}")
    enlarger = open_enlarger(model, scale, pick_device(device))

    def enlarge(one: Path, file: Path) -> str:
        with _progress(one.name) as progress:
            for note in upscale_file(one, file, enlarger, progress):
                warnings.warn(note, stacklevel=2)
        return f"{file}: enlarged x{enlarger.scale} by {enlarger.name}"

    if source.is_dir():
        run_folder(work, enlarge, 0, overwrite)
        return
    ((one, file),) = work.pairs
    if not file.parent.exists() and file.parent == target:
        target.mkdir(parents=True)
    if file != target:
        refuse_existing(file, overwrite)
    check_target(file, one)
    with notes():
        message = enlarge(one, file)
    say(message)


@contextmanager
def _progress(name: str) -> Iterator[Progress | None]:
    """A bar for a picture, where somebody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label(name), total=1.0)
        yield lambda share: bar.update(task, completed=share)
