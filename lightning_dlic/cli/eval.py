"""``dlic eval``: measure networks and baselines on test sets."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlic_datamodules.files import check_target
from dlic_registry import DlicError, import_plugins
from dlic_registry.terminal import printable, say
from lightning_dlic.cli import eval_color as colour
from lightning_dlic.cli.cells import cells, console
from lightning_dlic.cli.eval_color import HINTS, open_ways
from lightning_dlic.cli.eval_prediction import describe, open_predictors, print_rows
from lightning_dlic.cli.plugins import Plugins
from lightning_dlic.cli.reports import surroundings, write_report
from lightning_dlic.cli.targets import (
    BASELINES,
    COLOR_BASELINES,
    Target,
    find_targets,
    identity,
    is_run,
    kinds,
    open_downsizer,
    open_targets,
)
from lightning_dlic.zoo import cards

if TYPE_CHECKING:
    from lightning_dlic.metrics.perceptual import LPIPS
    from lightning_dlic.pipeline.colourings import Way
    from lightning_dlic.pipeline.enlargers import Enlarger
    from lightning_dlic.pipeline.evaluate import Result, TestSet

_PANEL_ROWS = 6
_COLUMNS = ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb", "ms_ssim", "lpips")


def evaluate_targets(
    targets: Annotated[
        list[str],
        typer.Argument(
            help="What to measure: names of the zoo, .safetensors or .ckpt files, runs' folders, "
            "or the baselines bicubic, nearest, lanczos; for colour grey, mean, palette, floor.",
            show_default=False,
        ),
    ],
    data: Annotated[
        list[Path], typer.Option(help="Folder of original pictures. More folders may follow it.", show_default=False)
    ],
    scale: Annotated[
        int | None, typer.Option(min=1, max=16, help="Factor of enlargement. Default: the networks' own, or 4.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write figures and protocol to this file.")] = None,
    save: Annotated[
        Path | None, typer.Option(help="Folder for the pictures made: DIR/<target>/<set>/<picture>.png.")
    ] = None,
    trim: Annotated[
        list[str] | None,
        typer.Option(help="Drop N rows and columns at the bottom and right: N, or SET=N. bsd100=1 is the papers'."),
    ] = None,
    downsize: Annotated[
        str | None,
        typer.Option(
            help="What shrinks the originals: bicubic, or a network that learned_downsize trained. "
            "Default: what a network brings along, else bicubic.",
            show_default=False,
        ),
    ] = None,
    lpips: Annotated[
        bool | None, typer.Option("--lpips/--no-lpips", help="LPIPS. Default: where its weights are found.")
    ] = None,
    hints: Annotated[
        str, typer.Option(help="For colour: none, oracle, presets such as grid-small, or KIND=BYTES, with commas.")
    ] = HINTS,
    decoded: Annotated[
        float, typer.Option(min=0, max=1, help="For colour: quality of the decoded luma, a share; 0 leaves it out.")
    ] = 0.4,
    temperature: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="For networks that classify colours: 1 mean, .38 vivid.")
    ] = None,
    rebalance: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="For networks that classify colours: raises rare ones, .5.")
    ] = None,
    panel: Annotated[Path | None, typer.Option(help="For colour: write a table of pictures to this PNG.")] = None,
    device: Annotated[str, typer.Option(help="Where networks compute: cpu, cuda, mps, auto.")] = "cpu",
    plugin: Plugins = None,
) -> None:
    """Measure networks and baselines on test sets.

    PSNR and SSIM on Y and RGB, MS-SSIM and LPIPS, under the protocol that --json states. Originals are cut at the right
    and bottom to multiples of the scale and shrunk by MATLAB's bicubic, or by the target's own learned downsizing.

    Networks that predict blocks are measured beside HEVC's modes instead: PSNR and share of blocks won, on the pictures
    and on those divided by 2 and 4, or by --scale alone.

    Networks for colour get each of --hints, and are measured under the true luma and a decoded one, beside the floors
    grey, mean (one colour), palette (five, by luma) and floor (the hints, spread without a network).
    """
    import_plugins(plugin or [])
    # `--data A B` leaves B among the targets; a folder of pictures cannot be meant as one.
    folders = [*data, *(Path(text) for text in targets if _is_data(text))]
    found = find_targets([text for text in targets if not _is_data(text)])
    if not found:
        raise DlicError("dlic eval: no TARGET, only folders; try: dlic eval bicubic --data DIR")
    if json_file is not None and json_file.parent.is_dir():
        # Before the hour that measuring may take.
        check_target(json_file)
    from lightning_dlic.cli.device import pick_device
    from lightning_dlic.pipeline.evaluate import evaluate

    sets = _open_sets(folders, trim or [])
    if "prediction" in kinds(found):
        _measure_prediction(found, sets, scale, json_file, device)
        return
    if "colorization" in kinds(found) or any(target.text in COLOR_BASELINES for target in found):
        ways = open_ways(found, hints, pick_device(device), temperature, rebalance)
        _measure_color(found, ways, sets, decoded or None, lpips, save, json_file, panel)
        return
    enlargers = open_targets(found, scale, pick_device(device))
    if downsize is not None:
        operator = open_downsizer(downsize)
        for enlarger in enlargers:
            enlarger.downsize = operator(enlarger.scale)
    network, note = _lpips(lpips)
    notes = [*([note] if note else []), *_foreign(enlargers)]
    results = evaluate(enlargers, sets, lpips=network, save=save, progress=_progress)
    _progress("")
    costs = {enlarger.name: _cost(enlarger) for enlarger in enlargers}
    _print(results, costs)
    for note in notes:
        say(f"note: {note}")
    if json_file is not None:
        write_report(json_file, _report(found, enlargers, sets, results, costs, notes))


def _measure_prediction(
    found: Sequence[Target], sets: Sequence[TestSet], scale: int | None, json_file: Path | None, device: str
) -> None:
    """Networks that predict blocks have another task, other rivals and another table."""
    from lightning_dlic.cli.device import pick_device
    from lightning_dlic.pipeline.evaluate_prediction import evaluate_prediction

    where = pick_device(device)
    nets = open_predictors(found, where)
    rows = evaluate_prediction(nets, sets, (1, 2, 4) if scale is None else (scale,), _progress)
    _progress("")
    print_rows(rows)
    if json_file is not None:
        write_report(json_file, {**surroundings(sets, where), **describe(found, nets, rows)})


def _measure_color(
    found: Sequence[Target],
    ways: Sequence[Way],
    sets: Sequence[TestSet],
    decoded: float | None,
    lpips: bool | None,
    save: Path | None,
    json_file: Path | None,
    panel: Path | None,
) -> None:
    """Networks for colour are measured with hints of several sizes, beside floors without weights."""
    from dlic_datamodules.picture_writer import write_picture
    from dlic_datamodules.pictures import Picture
    from lightning_dlic.pipeline.evaluate_color import evaluate_color
    from lightning_dlic.pipeline.panel import draw_panel

    network, note = _lpips(lpips)
    rows = evaluate_color(ways, sets, decoded=decoded, lpips=network, save=save, progress=_progress)
    if panel is not None:
        write_picture(panel, Picture(draw_panel(ways, sets, _PANEL_ROWS, _progress)))
    _progress("")
    colour.print_rows(rows)
    if note:
        say(f"note: {note}")
    if json_file is not None:
        write_report(json_file, {**surroundings(sets, "cpu"), **colour.describe(found, rows)})


def _is_data(text: str) -> bool:
    return Path(text).is_dir() and not is_run(Path(text)) and text not in (*BASELINES, *cards())


def _open_sets(folders: Sequence[Path], trims: Sequence[str]) -> list[TestSet]:
    from lightning_dlic.pipeline.evaluate import open_set

    names = [folder.resolve().name for folder in folders]
    # Two folders of one name are told apart by their parents'.
    names = [
        f"{folder.resolve().parent.name}-{name}" if names.count(name) > 1 else name
        for folder, name in zip(folders, names, strict=True)
    ]
    chosen = dict.fromkeys(names, 0)
    for text in trims:
        owner, _, number = text.rpartition("=")
        if not number.isdigit() or (owner and owner not in chosen):
            raise DlicError(f"--trim {text}: write N, or SET=N with SET one of {', '.join(names)}")
        chosen.update(dict.fromkeys([owner] if owner else names, int(number)))
    return [open_set(folder, chosen[name], name) for folder, name in zip(folders, names, strict=True)]


def _lpips(wanted: bool | None) -> tuple[LPIPS | None, str]:
    """The network, or why there is none."""
    if wanted is False:
        return None, ""
    from lightning_dlic.metrics.perceptual import LPIPS

    try:
        return LPIPS(), ""
    except DlicError as error:
        if wanted:
            raise
        return None, f"LPIPS left out: {error}"


def _foreign(enlargers: Sequence[Enlarger]) -> list[str]:
    """Says which networks are not measured on small pictures like those they were trained on."""
    wanted = {enlarger: getattr(enlarger, "meta", {}).get("downsize") for enlarger in enlargers}
    return [
        f"{enlarger.name} was trained on pictures shrunk by {spec.get('weights', spec.get('name'))}, not by bicubic: "
        "see --downsize"
        for enlarger, spec in wanted.items()
        if isinstance(spec, dict) and enlarger.downsize.name == "bicubic"
    ]


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{printable(text[:100])}", end="", file=sys.stderr, flush=True)


def _cost(enlarger: Enlarger) -> dict[str, Any]:
    from lightning_dlic.pipeline.enlargers import NetEnlarger

    if not isinstance(enlarger, NetEnlarger):
        return {"parameters": 0, "kmac_per_pixel": None}
    return {"parameters": enlarger.parameters, "kmac_per_pixel": round(enlarger.kmacs(), 3)}


def _print(results: Sequence[Result], costs: dict[str, dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = [name for name in _COLUMNS if any(name in row.figures for row in results)]
    table.add_column("data")
    table.add_column("target")
    for title in ("scale", *(name.upper().replace("_", "-") for name in columns), "params", "kMAC/px", "s/MP"):
        table.add_column(title, justify="right", no_wrap=True)
    previous = ""
    for row in results:
        figures, cost = row.figures, costs[row.target]
        texts = [_cell(name, figures.get(name)) for name in columns]
        kmac = cost["kmac_per_pixel"]
        spent = [f"{cost['parameters']:,}", "-" if kmac is None else f"{kmac:.1f}", f"{row.seconds_per_megapixel:.3f}"]
        label = row.data if row.data != previous else ""
        table.add_row(*cells(label, row.target, f"x{row.scale}", *texts, *spent))
        previous = row.data
    console(200).print(table)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if name.startswith("psnr") else f"{value:.4f}"


def _report(
    found: Sequence[Target],
    enlargers: Sequence[Enlarger],
    sets: Sequence[TestSet],
    results: Sequence[Result],
    costs: dict[str, dict[str, Any]],
    notes: list[str],
) -> dict[str, Any]:
    from lightning_dlic.metrics.protocol import Protocol

    identities = {target.name: identity(target) for target in found}
    return {
        "protocol": Protocol().as_dict(),
        **surroundings(sets, enlargers[-1].device),
        "targets": {
            e.name: {
                **identities.get(e.name, {"target": getattr(e, "kernel", e.name)}),
                "scale": e.scale,
                "downsize": e.downsize.name,
                **costs[e.name],
                **({"meta": e.meta} if hasattr(e, "meta") else {}),
            }
            for e in enlargers
        },
        "results": [
            {
                "target": row.target,
                "data": row.data,
                "scale": row.scale,
                "figures": row.figures,
                "seconds_per_megapixel": row.seconds_per_megapixel,
                "pictures": row.pictures,
            }
            for row in results
        ],
        "notes": notes,
    }
