"""Six of the points at which benchmarks/kill_points.py kills runs; it goes through all of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill_points.py"
CASES = [
    "plain,2,KILL,after a role's backward pass and step",
    "plain,2,KILL,after a checkpoint, before the validation",
    "plain,2,KILL,in half a checkpoint",
    "gan,3,TERM,before an optimizer's step",
    "gan,3,TERM,in a validation",
    "gan,3,KILL,after a validation, before it is recorded",
]


@pytest.mark.slow
def test_runs_killed_anywhere_end_as_if_they_had_not_been(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, str(SCRIPT), "--json", str(report)]
    for case in CASES:
        command += ["--case", case]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads(report.read_text())
    assert (made["runs"], made["killed"], made["equal"]) == (6, 6, 6)
    # What a signal stopped in order has a checkpoint of its very batch, here inside an accumulation.
    assert {tuple(run["statuses"]) for run in made["details"]} == {(-9, 0), (143, 0)}
