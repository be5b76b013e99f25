"""docs/zoo/index.md says what the cards say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_tables_are_those_of_the_cards() -> None:
    command = [sys.executable, str(ROOT / "tools" / "zoo_table.py")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    page = (ROOT / "docs" / "zoo" / "index.md").read_text()
    written = page.partition("<!-- cards -->\n")[2].partition("<!-- end of cards -->")[0]
    assert written == printed, "run: python tools/zoo_table.py --write"
