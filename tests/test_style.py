"""The code as a whole: linted, formatted, typed, and the same wherever it lies."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
    ],
    ids=["lint", "format", "types"],
)
def test_the_code_passes(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr


def test_data_is_looked_for_where_dlic_data_says_and_nowhere_else() -> None:
    beside = re.compile(r"""\.\./shared|["'/]shared["']?\s*/\s*["']?data""")
    sources = [
        file for part in ("tests", "benchmarks", "docs", "recipes", "examples") for file in (ROOT / part).rglob("*")
    ]
    texts = {file: file.read_text("utf-8") for file in sources if file.suffix in (".py", ".md", ".yaml", ".toml")}
    guesses = [str(file) for file, text in texts.items() if file != Path(__file__) and beside.search(text)]
    assert len(texts) > 100
    assert guesses == []


def test_what_is_printed_goes_through_the_one_function_that_disarms_it() -> None:
    root = Path(__file__).parents[1]
    found = [
        f"{path.relative_to(root)}:{number}: {line.strip()}"
        for package in ("registry", "datamodules", "lightning_dlic")
        for path in sorted((root / package).rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"(?<![\w.])(print|typer\.echo)\(", line) and "printable" not in line and ">>>" not in line
    ]
    assert found == []
