"""How programs end where something goes wrong: a sentence and a status, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from forking import FIT, run_forked
from PIL import Image

from lightning_dlic.cli import ends
from lightning_dlic.cli.main import main


def run(*words: str, out: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """``dlic`` in a new process, its standard output to a file where one is named."""
    command = [sys.executable, "-c", "from lightning_dlic.cli.main import main; main()", *words]
    with open(out or os.devnull, "w") as stream:
        return subprocess.run(
            command,
            stdout=stream if out else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            timeout=300,
            env=os.environ | env,
            check=False,
        )


@pytest.mark.slow
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
    ended = run(*words, out="/dev/full") if program == "main" else run_forked(FIT, *words, out="/dev/full")
    assert ended.returncode == 1
    assert ended.stderr == "error: standard output: No space left on device\nMake room, or write somewhere else.\n"


@pytest.mark.slow
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
        assert subprocess.run(["sh", "-c", f"{words} {verb} {closed}"], timeout=300, check=False).returncode == status
    lost = ["sh", "-c", f"{words} compress nothing.png - --bytes 500 --pipeline bicubic >&-"]
    assert b"standard output is closed" in subprocess.run(lost, timeout=300, check=False, stderr=-1).stderr


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


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["compress", "", "x.dlic", "--bytes", "500"], "error: an empty word on the command line"),
        (["eval", "bicubic", "--data", "loop"], "Too many levels of symbolic links"),
        (["info", "loop/x.dlic"], "error: "),
    ],
)
def test_empty_words_and_links_in_a_circle_are_the_users_to_mend(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["dlic", *words])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert told in said
    assert "unexpected" not in said


def test_a_name_that_is_no_utf_8_has_a_page_and_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, coded = (os.path.join(tmp_path, os.fsdecode(name)) for name in (b"\xff.png", b"\xff.dlic"))
    Image.new("RGB", (16, 16), (90, 120, 30)).save(picture)
    monkeypatch.chdir(tmp_path)
    for words in (
        ["compress", picture, coded, "--quality", "30", "--pipeline", "bicubic", "--scale", "1"],
        ["show", coded, "page.html"],
        ["eval", "bicubic", "--data", str(tmp_path), "--scale", "2", "--json", "figures.json"],
    ):
        monkeypatch.setattr(sys, "argv", ["dlic", *words])
        main_status(0)
    assert "\\udcff.dlic" in (tmp_path / "page.html").read_text("utf-8")
    assert "error" not in capsys.readouterr().err


def main_status(due: int) -> None:
    """Runs the verb that the command line asks for, to its end."""
    status: object = 0
    try:
        main()
    except SystemExit as end:
        status = end.code
    assert status == due


def test_where_one_stands_and_what_begins_with_a_dash_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["dlic", *words])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 2
        return " ".join(capsys.readouterr().err.replace("│", " ").split())

    (tmp_path / "-x.png").touch()
    monkeypatch.chdir(tmp_path)
    assert "The file of that name is ./-x.png" in said("compress", "-x.png", "a.dlic", "--bytes", "500")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    words = ("compress", str(tmp_path), "out", "--bytes", "500", "--pipeline", "bicubic")
    assert "the folder you are in was removed" in said(*words)


_LIMITED = """
import os, resource, signal, sys, threading
resource.setrlimit(resource.RLIMIT_AS, (1 << 34, 1 << 34))
from lightning_dlic.cli import guarded
from lightning_dlic.cli.ends import run
guarded._STALL = 0.5
how = sys.argv.pop(1)

class Verb:
    def make_context(self): ...
    def invoke(self): ...
    def main(self, prog_name):
        if how == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif how == "wait":
            threading.Event().wait()
        elif how == "abort":
            os._exit(127)
        elif how == "raise":
            raise ImportError("libtorch.so: failed to map segment from shared object")
        elif how == "told":
            os.kill(os.getppid(), signal.SIGTERM)
            threading.Event().wait()
        sys.exit(3)

run(Verb(), "dlic")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_where_memory_is_limited_whatever_a_library_does_is_a_sentence() -> None:
    for how, status in (("crash", 1), ("wait", 1), ("abort", 1), ("raise", 1), ("told", 143), ("else", 3)):
        ended = run_forked(_LIMITED, how, "compress")
        assert ended.returncode == status, (how, ended.stderr)
        if status == 1:
            assert ended.stderr.startswith("error: not enough memory: ulimit -v allows 16777216 kB"), how
            assert ended.stderr.count("\n") == 2
        else:
            assert ended.stderr == ""
