"""Tables of README and docs, drawn between marks from what was measured: ``<!-- report: SET BUDGET -->``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reporting.keep import ROOT
from reporting.tables import OF_CARDS, TABLES, drawn

MARK = re.compile(r"(<!-- report: (?P<what>[^>]+?) -->\n)(?P<body>.*?)(<!-- end of report -->)", re.DOTALL)
TITLES = {
    "jpeg": "JPEG",
    "webp": "WebP",
    "avif": "AVIF",
    "heic": "HEIC",
    "hevc": "HEVC's slice, searched as ours",
    "jxl": "JPEG XL",
    "ours": "**dlic** `photo`",
    "ours:look": "**dlic** `look`",
    "ours:face": "**dlic** `face`",
    "ours:tiny": "**dlic** `tiny`",
    "ours:past/look_3": "`look` of 0.1",
}
# Seconds of a machine on which more ran than what was measured are not shown.
QUIET = 1.5
# Of pictures in colour these are measured, and not shown.
LUMA = ("psnr_y", "ssim_y")
# Nor is a distance between sets of a few pictures.
SET = 12
COLUMNS = {
    "psnr_rgb": ("PSNR-RGB", "{:.2f} dB"),
    "psnr_y": ("PSNR-Y", "{:.2f} dB"),
    "ssim_y": ("SSIM-Y", "{:.3f}"),
    "ms_ssim": ("MS-SSIM", "{:.3f}"),
    "lpips": ("LPIPS (less is better)", "{:.3f}"),
    "ssimulacra2": ("SSIMULACRA 2", "{:.1f}"),
    "fd_alex": ("FD (less is better)", "{:.1f}"),
    "encode_seconds": ("encode", "{:.1f} s"),
    "decode_seconds": ("decode", "{:.2f} s"),
}


def pages() -> list[Path]:
    """README and every page of docs that has a mark."""
    every = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path for path in every if MARK.search(path.read_text(encoding="utf-8"))]


def filled(text: str, report: dict[str, Any]) -> str:
    """A page's text with every marked block as the report has it.

    Raises:
        KeyError: A mark names what the report has not.
    """
    return MARK.sub(lambda found: found[1] + block(found["what"], report) + found[4], text)


def block(what: str, report: dict[str, Any]) -> str:
    """What stands between the marks of that name: a set and a budget, ``stamp`` or ``bd-rate``; or a table's name."""
    if what in TABLES or what in OF_CARDS:
        return drawn(what)
    name, which = what.split()
    part = report["parts"][name]
    if which == "stamp":
        return _stamps(part["stamps"])
    return "\n".join(_rates(part) if which == "bd-rate" else _table(part, int(which))) + "\n"


def _table(part: dict[str, Any], budget: int) -> Iterator[str]:
    order = list(TITLES)
    rows = [row for row in part["summary"] if row["budget"] == budget]
    rows.sort(key=lambda row: order.index(row["codec"]) if row["codec"] in order else len(order))
    timed = all(part["stamps"][row["codec"]]["load"] < QUIET for row in rows)
    told = [key for key in _columns(part) if timed or not key.endswith("seconds")]
    if len(part["pictures"]) < SET:
        told = [key for key in told if key != "fd_alex"]
    columns = [key for key in told if any(key in row for row in rows)]
    yield f"| at most {budget:,} bytes | {' | '.join(COLUMNS[key][0] for key in columns)} |"
    yield "|---|" + "---:|" * len(columns)
    for row in rows:
        cells = (COLUMNS[key][1].format(row[key]) if key in row else f"misses {row['missed']}" for key in columns)
        yield f"| {TITLES.get(row['codec'], row['codec'])} | {' | '.join(cells)} |"


def _columns(part: dict[str, Any]) -> list[str]:
    return [key for key in COLUMNS if key not in LUMA or "psnr_rgb" not in part["metrics"]]


def _rates(part: dict[str, Any]) -> Iterator[str]:
    rates = {(row["anchor"], row["metric"]): row["percent"] for row in part["bd_rate"]}
    metrics = [key for key in _columns(part) if any(metric == key for _, metric in rates)]
    # An anchor has a curve only where it has a file at four sizes.
    pictures = {row["anchor"]: row["n"] for row in part["bd_rate"]}
    yield f"| bytes at equal quality, against | {' | '.join(COLUMNS[key][0] for key in metrics)} | pictures |"
    yield "|---|" + "---:|" * (len(metrics) + 1)
    for anchor in dict.fromkeys(name for name, _ in rates):
        found = (rates.get((anchor, metric)) for metric in metrics)
        cells = ("" if rate is None else f"{rate:+.0f} %" for rate in found)
        yield f"| {TITLES.get(anchor, anchor)} | {' | '.join(cells)} | {pictures[anchor]} |"


def _stamps(stamps: dict[str, Any]) -> str:
    """A sentence for all rows that were measured with the same versions on the same machine."""
    runs: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for row, stamp in stamps.items():
        made = ", ".join(f"{name} {version}" for name, version in stamp["versions"].items())
        run = runs.setdefault((stamp["date"], stamp["cpu"], made), {})
        run.setdefault(stamp["commit"][:12], []).append(row)
    return "".join(f"Measured {date} at {_commits(run)} on {cpu}; {made}.\n" for (date, cpu, made), run in runs.items())


def _commits(run: dict[str, list[str]]) -> str:
    if len(run) == 1:
        return f"commit {next(iter(run))}"
    return "commits " + ", ".join(f"{commit} ({_titles(rows)})" for commit, rows in run.items())


def _titles(rows: list[str]) -> str:
    return ", ".join(TITLES.get(row, row).replace("*", "") for row in rows)
