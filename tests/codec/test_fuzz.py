"""A short fuzzing campaign; benchmarks/fuzz.py runs long ones."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz.py"


@pytest.mark.slow
def test_damaged_streams_end_in_one_error_quickly_and_in_little_memory() -> None:
    command = [sys.executable, str(SCRIPT), "--campaign", "11", "900"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["wrong"] == []
    assert sum(found["tally"].values()) == 900
    assert found["megabytes"] < 300
    # The campaign must reach the decoders and the checksum, not only the header's parser.
    assert found["tally"]["base"] > 100
    assert found["tally"]["decoded"] > 5


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), [("mended", 80), ("weights", 40), ("checkpoints", 30), ("recipes", 25)])
def test_structure_that_holds_around_damage(kind: str, count: int) -> None:
    command = [sys.executable, str(SCRIPT), "--kind", kind, "--campaign", "3", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["wrong"] == []
    assert sum(found["tally"].values()) == count
    # Some must be read to their end, and some refused.
    assert 0 < found["tally"]["decoded" if kind == "mended" else "loaded"] < count
