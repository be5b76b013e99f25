"""The figures of the pages are those that the report measured."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "report.py"


def report(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, timeout=500)


def test_pages_have_the_figures_of_the_report_that_is_kept() -> None:
    done = report("--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_report_measures_pictures_that_come_with_a_dependency(tmp_path: Path) -> None:
    done = report("--quick", "--out", str(tmp_path / "report.json"))
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "report.json").read_text())
    rows = {row["codec"]: row for row in found["parts"]["shipped"]["summary"]}
    assert all(row["bytes"] <= 2000 for row in rows.values() if not row["missed"])
    assert rows["ours"]["psnr_rgb"] > rows["avif"]["psnr_rgb"] > rows["jpeg"]["psnr_rgb"]
    assert {"date", "commit", "cpu", "versions", "weights"} <= set(found["parts"]["shipped"]["stamps"]["ours"])
