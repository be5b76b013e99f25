"""``dlic report``: a page of HTML about runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dlic_registry.terminal import say
from lightning_dlic.cli.notes import notes


def report_runs(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs, or a folder that holds some.")],
    out: Annotated[
        Path | None,
        typer.Option(help="The page. Default: report.html in the run's folder, or here where there are several."),
    ] = None,
) -> None:
    """Write a page about a run, or several beside each other.

    Curves, samples over time, recipe, final figures beside the baseline's; in one file that asks nobody for anything. A
    run that has not ended yet is shown as far as it has come.
    """
    from dlic_datamodules.files import check_target, write_file
    from lightning_dlic.pages.report import report
    from lightning_dlic.pages.runs import find_runs, read_run

    found = find_runs(runs)
    target = out or (found[0] / "report.html" if len(found) == 1 else Path("report.html"))
    check_target(target)
    with notes():
        write_file(target, report([read_run(folder) for folder in found]))
    say(f"{target}: {len(found)} run{'s' if len(found) > 1 else ''}, {target.stat().st_size / 1e6:.1f} MB")
