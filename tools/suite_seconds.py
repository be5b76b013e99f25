"""Seconds of the tests by folder, as pytest wrote them down.

    python -m pytest -n auto --dist loadfile --junitxml suite.xml
    python tools/suite_seconds.py suite.xml            # prints the table
    python tools/suite_seconds.py suite.xml --write    # puts it between the marks in CONTRIBUTING.md

Seconds are of each test by the clock, summed: with several processes the suite takes less.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"
MARK = re.compile(r"(<!-- seconds: .*? -->\n).*?(<!-- end of seconds -->)", re.DOTALL)


def folders(report: Path) -> dict[str, tuple[int, float]]:
    """Number of tests and their seconds in each folder of `tests`; the slowest folder first."""
    found: dict[str, tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    for case in ElementTree.parse(report).iter("testcase"):
        # tests.codec.test_golden of a file in a folder, tests.test_style of one in none.
        parts = case.get("classname", "").split(".")
        folder = parts[1] if len(parts) > 2 else "the others"
        count, seconds = found[folder]
        found[folder] = count + 1, seconds + float(case.get("time", 0))
    return dict(sorted(found.items(), key=lambda item: -item[1][1]))


def table(report: Path) -> str:
    """Markdown."""
    rows = folders(report)
    count, seconds = (sum(values) for values in zip(*rows.values(), strict=True))
    suite = ElementTree.parse(report).find(".//testsuite")
    clock = float(suite.get("time", 0)) if suite is not None else 0.0
    lines = ["| folder of `tests` | tests | seconds |", "|---|---:|---:|"]
    lines += [f"| {name} | {number:,} | {spent:.0f} |" for name, (number, spent) in rows.items()]
    lines += [f"| **all** | {count:,} | {seconds:.0f}, in {clock:.0f} by the clock |"]
    told = f"{datetime.date.today().isoformat()}, {len(os.sched_getaffinity(0))} cores"
    return "\n".join([*lines, "", f"Written by `tools/suite_seconds.py`, {told}.", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if not options.write:
        print(table(options.report))
        return
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(MARK.sub(lambda found: found[1] + table(options.report) + found[2], text), encoding="utf-8")


if __name__ == "__main__":
    main()
