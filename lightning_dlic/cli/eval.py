"""``dlic eval``: measure networks and what does without them on test sets, as their kind is measured."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlic_datamodules.files import check_target
from dlic_registry import DlicError, import_plugins
from dlic_registry.terminal import printable, say
from lightning_dlic.api.targets import find_target, find_targets, is_run, one_kind, subject
from lightning_dlic.cli.compare import compare_reports
from lightning_dlic.cli.plugins import Plugins
from lightning_dlic.cli.reports import surroundings, write_report
from lightning_dlic.cli.tables import print_rows
from lightning_dlic.kinds.lookup import rivals
from lightning_dlic.zoo.cards import card_names

if TYPE_CHECKING:
    from lightning_dlic.measure.sets import TestSet


def evaluate_targets(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="What to measure: names of the zoo, .safetensors or .ckpt files, runs' folders, or rivals: bicubic, "
            "nearest, lanczos; for colour grey, mean, palette, floor; decoded.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of original pictures. More folders may follow it.", show_default=False),
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="A.json B.json",
            help="Measure nothing: compare two reports of --json, picture by picture. TARGETs say which of each.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of stage, where rivals alone leave it open.")] = None,
    scale: Annotated[
        int | None, typer.Option(help="Factor of enlargement, or of base layers. Default: the networks' own, or 4.")
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
            help="What shrinks the originals: a name of dlic list downsize, or a network that brings its own. "
            "Default: what a network brings along, else bicubic.",
            show_default=False,
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            help="Further metrics, with commas: see dlic list metric. Or {NAME: {ARGUMENT: VALUE}}.", show_default=False
        ),
    ] = None,
    lpips: Annotated[
        bool | None,
        typer.Option("--lpips/--no-lpips", help="LPIPS. Default: where its weights are, or can be downloaded."),
    ] = None,
    hints: Annotated[
        str | None,
        typer.Option(help="For colour: none, oracle, presets such as grid-small, or KIND,BYTES; several with commas."),
    ] = None,
    decoded: Annotated[
        str | None,
        typer.Option(
            help="Quality of the decoded base layer, a share: for colour .4, 0 leaves it out; for networks that take "
            "base layers .2,.4,.6."
        ),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="For networks that classify colours: 1 mean, .38 vivid.")
    ] = None,
    rebalance: Annotated[
        float | None, typer.Option(help="For networks that classify colours: raises rare ones, .5.")
    ] = None,
    panel: Annotated[Path | None, typer.Option(help="For colour: write a table of pictures to this PNG.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE: another option of the measure, such as codec=avif.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where networks compute: cpu, cuda, mps, auto.")] = "cpu",
    plugin: Plugins = None,
) -> None:
    """Measure networks and baselines on test sets.

    Each kind of network is measured in its own way, beside its own rivals, under the protocol that --json states;
    options that it has no use for are refused. Networks that enlarge: PSNR and SSIM on Y and RGB, MS-SSIM and LPIPS of
    originals that were cut at the right and bottom to multiples of the scale and shrunk by MATLAB's bicubic, or by the
    target's own learned downsizing.

    Networks that predict blocks: PSNR and share of blocks won beside HEVC's modes, on the pictures and on those divided
    by 2 and 4, or by --scale alone.

    Networks for colour get each of --hints, and are measured under the true luma and a decoded one, beside the floors
    grey, mean (one colour), palette (five, by luma) and floor (the hints, spread without a network).

    Networks that take decoded base layers: at qualities of --decoded and scales, beside decoded, enlarged by bicubic.

    A picture that cannot be measured is named at the end, the others are, and the exit status is 1.
    """
    import_plugins(plugin or [])
    if compare is not None:
        compare_reports(compare, targets or [], json_file)
        return
    if not data:
        raise DlicError("dlic eval: on which pictures? --data DIR")
    # `--data A B` leaves B among the targets; a folder of pictures cannot be meant as one.
    named = targets or []
    folders = [*data, *(Path(text) for text in named if _is_data(text))]
    found = find_targets([text for text in named if not _is_data(text)])
    if not found:
        raise DlicError("dlic eval: no TARGET, only folders; try: dlic eval bicubic --data DIR")
    given = {
        "scale": scale,
        "save": save,
        "downsize": downsize,
        "metrics": metrics,
        "lpips": lpips,
        "hints": hints,
        "decoded": decoded,
        "temperature": temperature,
        "rebalance": rebalance,
        "panel": panel,
        **_options(option or []),
    }
    chosen = one_kind(found, kind)
    if json_file is not None and json_file.parent.is_dir():
        # Before the hour that measuring may take.
        check_target(json_file)
    sets = _open_sets(folders, trim or [])
    from lightning_dlic.cli.device import pick_device
    from lightning_dlic.measure.base import MeasureRequest
    from lightning_dlic.measure.options import build_measure

    measure = build_measure(chosen, {name: _plain(value) for name, value in given.items() if value is not None})
    request = MeasureRequest(sets, pick_device(device), lambda text: subject(find_target(text)), _progress)
    outcome = measure.run([subject(target) for target in found], request)
    _progress("")
    print_rows(outcome.rows, measure.columns())
    for note in outcome.notes:
        say(f"note: {note}")
    if json_file is not None:
        report = {
            "kind": chosen,
            "protocol": dict(measure.protocol),
            **surroundings(sets, request.device),
            "targets": outcome.targets,
            "results": [row.record() for row in outcome.rows],
            "failed": request.failed,
            "notes": outcome.notes,
        }
        write_report(json_file, report)
    if request.failed:
        _tell_failed(request.failed, sum(len(s.files) for s in sets))
        raise typer.Exit(1)


def _tell_failed(failed: Mapping[str, str], of: int) -> None:
    say(f"\n{len(failed)} of {of} pictures could not be measured:", err=True, lines=True)
    for path, reason in failed.items():
        say(f"  {path}: {reason}", err=True)


def _options(texts: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise DlicError(f"--option {text}: write NAME=VALUE")
        found[name.replace("-", "_")] = value
    return found


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _is_data(text: str) -> bool:
    return Path(text).is_dir() and not is_run(Path(text)) and text not in (*rivals(), *card_names())


def _open_sets(folders: Sequence[Path], trims: Sequence[str]) -> list[TestSet]:
    from lightning_dlic.measure.sets import open_set

    names = [folder.resolve().name for folder in folders]
    # Two folders of one name are told apart by their parents'.
    names = [
        f"{folder.resolve().parent.name}-{name}" if names.count(name) > 1 else name
        for folder, name in zip(folders, names, strict=True)
    ]
    chosen = dict.fromkeys(names, 0)
    for text in trims:
        owner, _, number = text.rpartition("=")
        if not re.fullmatch("[0-9]{1,9}", number) or (owner and owner not in chosen):
            raise DlicError(f"--trim {text}: write N, or SET=N with SET one of {', '.join(names)}")
        chosen.update(dict.fromkeys([owner] if owner else names, int(number)))
    return [open_set(folder, chosen[name], name) for folder, name in zip(folders, names, strict=True)]


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{printable(text[:100])}", end="", file=sys.stderr, flush=True)
