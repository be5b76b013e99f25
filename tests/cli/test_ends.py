"""How programs end where something goes wrong: a sentence and a status, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from lightning_dlic.cli import ends


def run(*words: str, program: str = "main", out: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """``dlic`` in a new process, its standard output to a file where one is named."""
    command = [sys.executable, "-c", f"from lightning_dlic.cli.main import {program}; {program}()", *words]
    with open(out or os.devnull, "w") as stream:
        return subprocess.run(
            command,
            stdout=stream if out else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            timeout=120,
            env=os.environ | env,
            check=False,
        )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("main", ["--version"]),
        ("main", ["list", "--json"]),
        ("main", ["info", "zoo:compact_x4"]),
        ("fit_main", ["quickstart", "--print-recipe"]),
    ],
)
def test_a_full_standard_output_is_one_sentence(program: str, words: list[str]) -> None:
    ended = run(*words, program=program, out="/dev/full")
    assert ended.returncode == 1
    assert ended.stderr == "error: standard output: No space left on device\nMake room, or write somewhere else.\n"


def test_a_terminal_that_cannot_show_a_name_gets_its_escapes(tmp_path: Path) -> None:
    for name in ("Vögel 鳥.png", os.fsdecode(b"\xff.png")):
        Image.new("RGB", (16, 16)).save(tmp_path / name)
    (tmp_path / "oné.png").write_bytes(b"no picture")
    ended = run(
        "compress",
        str(tmp_path),
        str(tmp_path / "out"),
        "--quality",
        "9",
        "--pipeline",
        "bicubic",
        PYTHONIOENCODING="ascii:strict",
    )
    assert ended.returncode == 1
    assert "V\\xf6gel \\u9ce5.png" in ended.stdout
    assert "\\udcff.png" in ended.stdout
    assert "on\\xe9.png" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_closed_streams_are_no_fault() -> None:
    words = f"{sys.executable} -c 'from lightning_dlic.cli.main import main; main()'"
    for closed, verb, status in ((">&-", "--version", 0), ("<&- >&- 2>&-", "info nothing", 2)):
        assert subprocess.run(["sh", "-c", f"{words} {verb} {closed}"], timeout=60, check=False).returncode == status


def test_what_nobody_foresaw_is_a_sentence_and_a_traceback_only_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    for wanted in ("0", "1"):
        monkeypatch.setenv("DLIC_TRACEBACK", wanted)
        with pytest.raises(SystemExit) as end:
            ends.run(SimpleNamespace(main=fail, make_context=fail, invoke=fail), "dlic")
        told = capsys.readouterr().err
        assert end.value.code == 1
        assert "error: unexpected ZeroDivisionError: division by zero\n" in told
        assert ("Traceback" in told) == (wanted == "1")
