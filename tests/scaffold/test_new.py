"""``dlic new``: the packages that it writes install, train, and pass their own tests; names are checked first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlic_registry import KINDS

MADE = ("net sharp", "stage soft", "codec coarse", "hints bands", "data album", "kind denoising")
MADE += ("loss edgy", "metric offs", "transform dimmed", "downsize boxy", "optimizer signs", "schedule rises")
MADE += ("callback enough", "logger lines", "zoo shelf")
# Of those whose trainings differ by a name in the recipe, the callback's shows what all would.
ENOUGH = "not ((edgy or offs or dimmed or boxy or signs or rises) and (stage_trains or training_follows))"


@pytest.mark.slow
def test_each_installs_trains_and_passes_its_own_tests(inline, tmp_path):
    assert {words.split()[0] for words in MADE} == {"stage", *KINDS}
    for words in (*MADE, "stage tinted --of colorization"):
        assert "pip install -e" in inline("new", *words.split(), "--into", tmp_path)[0]
    packages = sorted(tmp_path.glob("dlic-*"))
    assert len(packages) == len(MADE) + 1
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(tmp_path / "site")]
    tests = [str(package / "tests") for package in packages if package.name != "dlic-tinted"]
    commands = (
        ["pip", "install", *options, *map(str, packages)],
        ["ruff", "check", "--isolated", "--line-length", "120", "--select", "E,F,I,B,UP", *map(str, packages)],
        ["pytest", "-q", "-p", "no:cacheprovider", "-k", ENOUGH, *tests],
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nte", "x"), "Did you mean 'net'?"),
        (("net", "compact"), "net 'compact' is registered by lightning-dlic"),
        (("net", "Sharp"), "use lower-case letters"),
        (("net", "class"), "cannot be a module's name"),
        (("kind", "sr"), "there is a kind 'sr' already"),
        (("stage", "x", "--of", "sre"), "unknown kind 'sre'. Did you mean 'sr'?"),
        (("stage", "x", "--of", "net"), "not a kind of stages"),
    ],
)
def test_a_mistake_is_a_sentence_and_writes_nothing(words, said, inline, tmp_path):
    assert said in inline("new", *words, "--into", tmp_path, status=2)[1]
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays(inline, tmp_path: Path):
    (tmp_path / "dlic-sharp").mkdir()
    assert "is there already" in inline("new", "net", "sharp", "--into", tmp_path, status=2)[1]
