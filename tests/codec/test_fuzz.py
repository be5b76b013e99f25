"""A short fuzzing campaign; benchmarks/fuzz.py runs long ones."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz.py"


def campaign(kind: str, seed: int, count: int, out: Path) -> dict[str, Any]:
    """One campaign's findings."""
    words = {"--kind": kind, "--seed": seed, "--count": count, "--each": count, "--out": out}
    command = [sys.executable, str(SCRIPT), *(str(word) for pair in words.items() for word in pair)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    found: dict[str, Any] = json.loads(out.read_text())[kind]
    assert found["wrong"] == []
    assert found["files"] == sum(found["tally"].values()) == count
    return found


@pytest.mark.slow
def test_damaged_streams_end_in_one_error_quickly_and_in_little_memory(tmp_path: Path) -> None:
    found = campaign("bytes", 11, 900, tmp_path / "found.json")
    assert found["megabytes"] < 300
    # The campaign must reach the decoders and the checksum, not only the header's parser.
    assert found["tally"]["base"] > 100
    assert found["tally"]["decoded"] > 5


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), [("mended", 80), ("weights", 40), ("checkpoints", 30), ("recipes", 90)])
def test_structure_that_holds_around_damage(kind: str, count: int, tmp_path: Path) -> None:
    found = campaign(kind, 3, count, tmp_path / "found.json")
    # Some must be read to their end, and some refused.
    assert 0 < found["tally"]["decoded" if kind == "mended" else "loaded"] < count
