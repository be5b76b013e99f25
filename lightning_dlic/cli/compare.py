"""``dlic eval --compare``: two reports beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dlic_datamodules.files import check_target
from dlic_registry import DlicError
from dlic_registry.terminal import say
from lightning_dlic.cli.cells import cells, console
from lightning_dlic.cli.reports import write_report

if TYPE_CHECKING:
    from lightning_dlic.measure.compare import Difference


def compare_reports(paths: Sequence[Path], targets: Sequence[str], json_file: Path | None) -> None:
    """Prints the differences of two reports, and writes them where that is asked for.

    Raises:
        DlicError: They cannot be compared.
    """
    from lightning_dlic.measure.compare import LEVEL, RESAMPLES, compare

    if len(targets) > 2:
        raise DlicError(f"--compare takes a target of each report at most, not {len(targets)}: {' '.join(targets)}")
    if json_file is not None and json_file.parent.is_dir():
        check_target(json_file)
    found = compare(paths, targets)
    _print(found)
    say(
        f"\ndifference: second less first, mean over pictures; * where the {LEVEL:.0%} interval leaves out nought",
        lines=True,
    )
    if json_file is not None:
        method = f"bootstrap over pictures, percentiles of {RESAMPLES} means, seed 0"
        report = {
            "compared": [str(path) for path in paths],
            "level": LEVEL,
            "interval": method,
            "differences": [difference.record() for difference in found],
        }
        write_report(json_file, report)


def _print(found: Sequence[Difference]) -> None:
    from rich.table import Table

    labels = list(dict.fromkeys(name for difference in found for name in difference.labels))
    pairs = list(dict.fromkeys((d.first, d.second) for d in found))
    if len(pairs) == 1:
        say(f"first: {pairs[0][0]}, second: {pairs[0][1]}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    # Several are pairs of one name.
    for title in ("data", *(["target"] if len(pairs) > 1 else []), *labels, "figure"):
        table.add_column(title)
    for title in ("pictures", "first", "second", "difference", f"{'interval':>20}", "", "second above"):
        table.add_column(title, justify="right", no_wrap=True)
    for d in found:
        place = (d.data, *([d.first] if len(pairs) > 1 else []), *(d.labels.get(name, "") for name in labels))
        means = (f"{mean:,.4f}" for mean in d.means)
        numbers = (d.pictures, *means, f"{d.difference:+.4f}", f"{d.low:+.4f} to {d.high:+.4f}", "*" if d.apart else "")
        table.add_row(*cells(*place, d.figure, *numbers, f"{d.above:.0%}"))
    console(200).print(table)
