"""docs/zoo says what the cards say."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_pages_are_those_of_the_cards() -> None:
    command = [sys.executable, str(ROOT / "tools" / "zoo_table.py"), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
