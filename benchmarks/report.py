"""Every table and plot of README and docs, from one run on one machine.

    python benchmarks/report.py            # measures, keeps the JSON, writes plots and the tables of the pages
    python benchmarks/report.py --sets kodak --rows ours,ours:look     # these rows anew; others stay as they are
    python benchmarks/report.py --quick    # one picture, into a folder of its own; pages stay as they are
    python benchmarks/report.py --draw     # the plots, from the JSON that is kept, and the sheets of pictures alone
    python benchmarks/report.py --write    # the pages again, from the JSON that is kept
    python benchmarks/report.py --check    # fails where a page differs from the JSON that is kept

Sets: four photographs that come with scikit-image, and those of `reporting/sets.py` where `$DLIC_DATA` has them. What
is measured, and how, is `dlic bench`'s; the JSON beside this script holds every figure of every picture, and of each
row the versions, weights and machine that it was measured with.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from reporting.keep import made_by
from reporting.late import add_late
from reporting.merge import merged
from reporting.pages import ROOT, filled, pages
from reporting.sets import PARTS, PLOTTED, QUICK, Part
from reporting.sets import pictures as pictures_of
from reporting.sheet import draw_sheet, kodak_crops

from lightning_dlic.bench.bench import PROTOCOL, Task, measure_folder, opened, summarize
from lightning_dlic.bench.report import write_json, write_plot
from lightning_dlic.bench.whole import add_whole
from lightning_dlic.zoo import read_card

METRICS = ("psnr_rgb", "psnr_y", "ms_ssim", "lpips", "fd_alex")
GRAY = ("psnr_y", "ssim_y")
LATE = ("ssimulacra2",)
KEPT = ROOT / "benchmarks" / "results" / "report.json"


def stamp(workers: int) -> dict[str, Any]:
    """What the figures depend on besides the pictures."""
    zoo = ROOT / "lightning_dlic" / "zoo"
    return {
        **made_by("av", "pillow-heif", "pillow-jxl-plugin", "imageio-ffmpeg"),
        "workers": workers,
        "weights": {path.stem: read_card(path).sha256 for path in sorted(zoo.glob("*.yaml"))},
    }


def measure(part: Part, workers: int, scratch: Path, metrics: tuple[str, ...]) -> dict[str, Any] | None:
    """One set, measured; None where it is not at hand."""
    pictures = pictures_of(part, scratch)
    if not pictures:
        print(f"{part.name}: not at hand, left out", file=sys.stderr)
        return None
    known = opened(metrics)
    single, whole = tuple(each.name for each in known if not each.over_set), [each for each in known if each.over_set]
    keep = scratch / f"{part.name}-decoded"
    keep.mkdir()
    found = measure_folder(
        pictures,
        Task(part.budgets, part.rows, single, gray=part.gray, keep=keep),
        workers,
        partial(print, file=sys.stderr),
    )
    if found.failed:
        raise SystemExit(f"{part.name}: {found.failed}")
    summary = summarize(found.records, single, len(pictures))
    if len(single) < len(metrics):
        add_late(summary, found.records, opened(LATE), single[0], keep)
        add_whole(summary, found.records, whole, single[0], keep)
    for record in found.records:
        del record["file"]
    stamped = stamp(workers)
    return {
        "pictures": list(pictures),
        "metrics": list(single),
        "stamps": dict.fromkeys(dict.fromkeys(row["codec"] for row in summary), stamped),
        "summary": summary,
        "records": found.records,
    }


def run(parts: Iterable[Part], workers: int, out: Path, metrics: tuple[str, ...]) -> dict[str, Any]:
    """Measures the sets one after the other and writes after each; what is not measured stays as the file has it."""
    report: dict[str, Any] = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {"parts": {}}
    report["protocol"] = {**PROTOCOL, "ssimulacra2": "of the files that are best by PSNR-RGB, as distances over a set"}
    with tempfile.TemporaryDirectory() as scratch:
        for part in parts:
            if result := measure(part, workers, Path(scratch), GRAY if part.gray else metrics):
                report["parts"][part.name] = merged(report["parts"].get(part.name), result)
                write_json(out, report)
    return report


def changed(report: dict[str, Any]) -> dict[Path, str]:
    """Pages that differ from the report, with the text they should have."""
    texts = {path: path.read_text(encoding="utf-8") for path in pages()}
    return {path: new for path, text in texts.items() if (new := filled(text, report)) != text}


def plot(report: dict[str, Any]) -> None:
    """Draws the plots of the sets that have some."""
    for name, part in report["parts"].items():
        if name in PLOTTED:
            write_plot(ROOT / "docs" / "results" / f"{name}.png", part)


def draw() -> None:
    """Draws the sheets of pictures that README and docs show."""
    folder = ROOT / "docs" / "results"
    draw_sheet(folder / "two-thousand-bytes.webp")
    kodak = next(part for part in PARTS if part.name == "kodak")
    if files := pictures_of(Part(kodak.name, kodak.budgets, kodak.rows), Path()):
        draw_sheet(folder / "kodak-crops.webp", kodak_crops(files), codecs="avif,ours,ours:past/look_3,ours:look")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--workers", type=int, default=1, help="processes; seconds are honest with one a free core")
    parser.add_argument("--limit", type=int, help="pictures of each set, the first by name")
    parser.add_argument("--budgets", help="bytes, separated by commas, in the place of each set's own")
    parser.add_argument("--sets", default=",".join(part.name for part in PARTS), help="which, separated by commas")
    parser.add_argument("--rows", help="of `dlic bench`, separated by commas, in the place of each set's own")
    parser.add_argument("--out", type=Path, help=f"where the JSON goes; {KEPT.name} of benchmarks/results by default")
    parser.add_argument("--draw", action="store_true")
    options = parser.parse_args()
    if options.draw:
        plot(json.loads(KEPT.read_text(encoding="utf-8")))
        draw()
        return
    if options.check or options.write:
        differing = changed(json.loads(KEPT.read_text(encoding="utf-8")))
        if options.check and differing:
            raise SystemExit("these pages differ from the report: " + ", ".join(map(str, differing)))
        for path, text in differing.items():
            path.write_text(text, encoding="utf-8")
        return
    if options.quick:
        out = options.out or Path("report-quick.json")
        run(QUICK, options.workers, out, ("psnr_rgb", "psnr_y"))
        return
    budgets = tuple(map(int, options.budgets.split(","))) if options.budgets else None
    wanted = [part for part in PARTS if part.name in options.sets.split(",")]
    parts = [
        replace(
            part, budgets=budgets or part.budgets, rows=options.rows or part.rows, limit=options.limit or part.limit
        )
        for part in wanted
    ]
    out = options.out or KEPT
    report = run(parts, options.workers, out, METRICS)
    if out == KEPT:
        plot(report)
        draw()
        for path, text in changed(report).items():
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
