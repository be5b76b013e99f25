"""docs/reference/commands.md has every verb in its own words, and every variable of the environment that is read."""

import re
from pathlib import Path

from lightning_dlic.cli.main import VERBS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "commands.md").read_text()
# How processes of one run tell each other things.
BETWEEN_PROCESSES = {"DLIC_RUN_DIR"}


def test_every_verb_is_told() -> None:
    told = dict(re.findall(r"(?m)^\| `dlic ([\w-]+)` \| (.+?) \|", PAGE))
    assert told == {name: verb.help for name, verb in VERBS.items()}


def test_every_variable_is_told() -> None:
    sources = [file for part in ("registry", "datamodules", "lightning_dlic") for file in (ROOT / part).rglob("*.py")]
    read = {name for file in sources for name in re.findall(r'"(DLIC_[A-Z_]+)"', file.read_text())}
    assert read - BETWEEN_PROCESSES == set(re.findall(r"`(DLIC_[A-Z]+)(?:=1)?`", PAGE))
