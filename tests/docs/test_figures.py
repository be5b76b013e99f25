"""The figures of the pages are those that the report measured."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = [ROOT / "README.md", *sorted((ROOT / "docs" / "results").glob("*.md"))]
KEPT = re.compile(r"<!-- report: .*?<!-- end of report -->", re.DOTALL)
FIGURE = re.compile(r"\d ?(dB|%|MB|times|seconds)\b|\| *-?[\d.,]+ ?(dB|%|s)? *\|")
SCRIPT = ROOT / "benchmarks" / "report.py"


def report(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, timeout=500)


@pytest.mark.slow
def test_pages_have_the_figures_of_the_report_that_is_kept() -> None:
    done = report("--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", RESULTS, ids=lambda page: page.stem)
def test_a_page_of_results_has_no_figure_besides_those_that_are_kept(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`]*`", "", KEPT.sub("", page.read_text()), flags=re.DOTALL)
    assert FIGURE.search(prose) is None


def test_every_json_that_is_kept_is_named_by_a_page() -> None:
    pages = "".join(path.read_text() for path in (*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")))
    for kept in (ROOT / "benchmarks" / "results").iterdir():
        assert f"benchmarks/results/{kept.name}" in pages, f"{kept} is dead"


@pytest.mark.slow
def test_the_report_measures_pictures_that_come_with_a_dependency(tmp_path: Path) -> None:
    done = report("--quick", "--out", str(tmp_path / "report.json"))
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "report.json").read_text())
    rows = {row["codec"]: row for row in found["parts"]["shipped"]["summary"]}
    assert all(row["bytes"] <= 2000 for row in rows.values() if not row["missed"])
    assert rows["ours"]["psnr_rgb"] > rows["avif"]["psnr_rgb"] > rows["jpeg"]["psnr_rgb"]
    assert {"date", "commit", "cpu", "versions", "weights"} <= set(found["parts"]["shipped"]["stamps"]["ours"])
