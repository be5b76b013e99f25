"""``dlic bench``: codecs side by side at byte budgets."""

from __future__ import annotations

import tempfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from dlic_datamodules.files import check_target
from dlic_registry import DlicError, get, import_plugins
from dlic_registry.terminal import say
from lightning_dlic.cli.cells import cells, console
from lightning_dlic.cli.places import parse_bytes
from lightning_dlic.cli.plugins import Plugins
from lightning_dlic.versions import versions

METRICS = "psnr_rgb,psnr_y,ssim_y,ms_ssim,lpips"


def bench(
    folder: Annotated[Path, typer.Argument(help="A folder of pictures.")],
    budgets: Annotated[str, typer.Option(help="Bytes, separated by commas.")] = "500,1000,2000,4000",
    codecs: Annotated[
        str,
        typer.Option(
            help="Rows: jpeg, webp, avif, avif-mini, jxl, heic (files), blurhash, thumbhash, ours, "
            "ours:PIPELINE, hevc, vvc or any base codec; codec:NAME for one whose name a file has."
        ),
    ] = ("jpeg,webp,avif,jxl,heic,hevc,ours"),
    metrics: Annotated[
        str | None,
        typer.Option(
            help=f"Registered metrics: see dlic list metric. Default: {METRICS}, the last where its weights are, "
            "or can be downloaded."
        ),
    ] = None,
    effort: Annotated[int, typer.Option(min=1, max=9, help="Of our search.")] = 5,
    pipeline: Annotated[str, typer.Option(help="Pipeline of the row ours.")] = "photo",
    gray: Annotated[bool, typer.Option("--gray", help="Compare on the luma alone.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Only that many pictures, the first by name.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; seconds are honest with one a free core.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures there.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write rate-distortion plots there, as PNG.")] = None,
    page: Annotated[Path | None, typer.Option("--html", help="Write a page with pictures and a slider there.")] = None,
    compressai: Annotated[Path | None, typer.Option(help="Write files in CompressAI's layout to that folder.")] = None,
    published: Annotated[
        list[Path] | None, typer.Option(help="Figures in CompressAI's layout, drawn into the plots; again for more.")
    ] = None,
    plugin: Plugins = None,
) -> None:
    """Measure codecs at byte budgets: table, plots, page.

    Bytes are of whole files, and each codec is free to downsize first: at each budget it is searched for its finest
    file at scales 1 to 4, and for each metric its best file counts.
    """
    import_plugins(plugin or [])
    names = _metrics(METRICS if metrics is None else metrics)
    from dlic_datamodules.folder_work import find_pictures
    from lightning_dlic.bench.bench import PROTOCOL as protocol
    from lightning_dlic.bench.bench import Task, bd_rates, measure_folder, opened, summarize
    from lightning_dlic.bench.report import read_published
    from lightning_dlic.bench.rows import pick_rows
    from lightning_dlic.bench.whole import add_whole

    others = [read_published(file) for file in published or ()]
    if others and plot is None:
        raise DlicError("--published draws figures into a plot: say where by --plot FILE")
    pictures = _name(find_pictures(folder).files[:limit], folder)
    pick_rows(codecs, effort, pipeline)
    numbers = _budgets(budgets)
    if metrics is None:
        names = _found(names)
    # Built here first: weights that are missing must not wait for the first picture.
    known = [metric for metric in opened(names) if not (gray and metric.color)]
    wanted, whole = tuple(m.name for m in known if not m.over_set), [m for m in known if m.over_set]
    if not wanted:
        raise DlicError("--metrics: name one of single pictures, too: it chooses the files that are judged as a set")
    for file in (json_file, plot, page):
        if file is not None:
            check_target(file)
    with tempfile.TemporaryDirectory(prefix="dlic-bench-") as aside:
        # What judges a set looks at all of its pictures again.
        keep = page.with_suffix("") if page else Path(aside) if whole else None
        task = Task(numbers, codecs, wanted, effort, pipeline, gray, tuple(plugin or ()), keep)
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
        measured = measure_folder(pictures, task, workers, partial(say, err=True, lines=True))
        records, failed = measured.records, measured.failed
        if len(failed) == len(pictures):
            raise DlicError(f"{folder}: no picture in it could be measured; each is named above")
        summary = summarize(records, wanted, len(pictures) - len(failed))
        if whole and keep is not None:
            add_whole(summary, records, whole, wanted[0], keep)
    if not page:
        for record in records:
            record.pop("file", None)
    result: dict[str, Any] = {
        "folder": folder.name,
        "pictures": [name for name in pictures if name not in failed],
        "failed": failed,
        "gray": gray,
        "metrics": [metric.name for metric in known],
        "effort": effort,
        "pipeline": pipeline,
        "protocol": protocol,
        "versions": versions("av", "pillow-heif", "pillow-jxl-plugin", "imageio-ffmpeg", "ssimulacra2"),
        "summary": summary,
        "records": records,
    }
    if "ours" in codecs and len(task.budgets) >= 4:
        result["bd_rate"] = bd_rates(records, "ours", wanted)
    _write(result, json_file, plot, page, compressai, others)
    _print(result)
    if failed:
        say(f"{len(failed)} of {len(pictures)} pictures could not be measured; each is named above", err=True)
        raise typer.Exit(1)


def _budgets(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise DlicError(f"--budgets {text!r}: write numbers of bytes, separated by commas")
    return tuple(sorted({parse_bytes(part, "--budgets") for part in parts}))


def _metrics(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise DlicError("--metrics: name one at least; see dlic list metric")
    for name in names:
        get("metric", name)
    return names


def _found(names: tuple[str, ...]) -> tuple[str, ...]:
    """Without LPIPS, and with a note, where its weights are not found: nobody asked for it by name."""
    from lightning_dlic.bench.bench import opened

    try:
        opened(("lpips",))
    except DlicError as error:
        say(f"note: LPIPS left out: {error}", err=True, lines=True)
        return tuple(name for name in names if name != "lpips")
    return names


def _name(paths: list[Path], folder: Path) -> dict[str, Path]:
    """Pictures by their file's name, or by their path in the folder where two have one name."""
    names = Counter(path.name for path in paths)
    return {path.name if names[path.name] == 1 else path.relative_to(folder).as_posix(): path for path in paths}


def _write(
    result: dict[str, Any],
    json_file: Path | None,
    plot: Path | None,
    page: Path | None,
    compressai: Path | None,
    published: list[dict[str, Any]],
) -> None:
    from lightning_dlic.bench.report import write_compressai, write_json, write_page, write_plot

    if json_file:
        write_json(json_file, result)
    if plot:
        write_plot(plot, result, published)
    if page:
        write_page(page, result, page.with_suffix(""))
    if compressai:
        write_compressai(compressai, result)


def _print(result: dict[str, Any]) -> None:
    from rich.table import Table

    columns = ["codec", "budget", "bytes", *result["metrics"], "encode_seconds", "decode_seconds", "missed"]
    table = Table(*(column.replace("_seconds", " s") for column in columns), box=None, pad_edge=False)
    for row in result["summary"]:
        values = (row.get(column, "") for column in columns)
        table.add_row(*cells(*(f"{value:.4g}" if isinstance(value, float) else value for value in values)))
    console().print(table)
    for row in result.get("bd_rate", []):
        say(
            f"BD-rate of {row['test']} against {row['anchor']} by {row['metric']}: {row['percent']:+.1f} % "
            f"({row['n']} pictures)"
        )
