"""Names, metadata and messages of others are shown, and never steer the terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from plugin_maker import DLIC, write_plugin
from safetensors.numpy import save_file

from dlic_registry.terminal import command, printable, printable_json

EVIL = "x\x1b[2J\x1b]0;own\x07\x9b5m\x7f\u202egnp\u2066\r[bold red]"
RAW = ("\x1b[2J", "\x1b]0", "\x07", "\x9b", "\x7f", "\u202e", "\u2066")


def _seen(terminal: bool, folder: Path, *arguments: str, **environment: str) -> str:
    """What a person sees of ``dlic``: standard output and error, on a terminal or through a pipe."""
    words = [sys.executable, "-c", DLIC, *arguments]
    variables = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "500", "PYTHONPATH": str(folder), **environment}
    variables.pop("FORCE_COLOR", None)
    if not terminal:
        done = subprocess.run(words, cwd=folder, env=variables, capture_output=True, timeout=300, check=False)
        return (done.stdout + done.stderr).decode()
    ours, theirs = pty.openpty()
    with subprocess.Popen(words, cwd=folder, env=variables, stdout=theirs, stderr=theirs, stdin=theirs) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            seen += part
        process.wait(300)
    os.close(ours)
    return seen.decode()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plug-in, weights, a recipe and a damaged file whose names and texts are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    evil = EVIL.replace("\r", "")
    points = f"[lightning_dlic.net]\n{evil} = acme_evil:X\nfine = acme_evil:X\n"
    source = f"raise RuntimeError({EVIL!r})"
    write_plugin(folder, "acme", points, {"acme_evil": source}, version="1\x1b[31m", summary=f"nice {evil}")
    import numpy as np

    meta = {"net": {"name": EVIL, "args": {}}, "kind": "sr", "stage": EVIL, "note": EVIL, "scale": 2, "channels": 1}
    save_file({EVIL: np.zeros(1, np.float32)}, folder / "evil.safetensors", {"dlic": json.dumps(meta)})
    (folder / f"{evil[:15]}\nerror: no.dlic").write_bytes(b"no bitstream")
    (folder / "evil.yaml").write_text(f"extends: [quickstart]\ndata: {{name: {json.dumps(EVIL)}}}\n")
    (folder / f"{evil[:8]}.yaml").write_text("extends: [quickstart]\nsed: 1\n")
    return folder


CALLS = [
    ("list", "net"),
    ("list", "net", "--json"),
    ("info", "evil.safetensors"),
    ("info", "evil.safetensors", "--json"),
    ("export", "evil.safetensors", "--format", "safetensors", "--out", "other.safetensors"),
    ("decompress", ".", "out"),
    ("list", f"--{EVIL}"),
    ("list", "net", "more", EVIL),
    ("fit", "evil.yaml"),
    ("fit", f"{EVIL[:8]}.yaml"),
]


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS, ids=lambda call: " ".join(call).replace(EVIL, "EVIL")[:40])
def test_nothing_steers_a_terminal(hostile: Path, call: tuple[str, ...]) -> None:
    # All through a pipe, which is what logs and editors show later; the rarer ways also on a terminal.
    for terminal in (False, True) if call[0] in ("list", "info") and call[-1] != "--json" else (False,):
        seen = _seen(terminal, hostile, *call)
        assert "[2J" in seen
        assert not [text for text in (*RAW, "\nerror: no") if text in seen], seen
        if not terminal:
            assert printable(seen, lines=True) == seen


def test_json_stays_json(hostile: Path) -> None:
    listed = json.loads(_seen(False, hostile, "list", "net", "--json"))
    assert [row["summary"] for row in listed if row["name"] == "fine"] == [f"nice {EVIL}".replace("\r", "")]
    text = json.dumps([EVIL, "é😀"], ensure_ascii=False)
    assert json.loads(printable_json(text)) == [EVIL, "é😀"]
    assert printable(printable_json(text)) == printable_json(text)


def test_suggested_commands_are_what_a_shell_takes(tmp_path: Path) -> None:
    words = ["my runs/it's", "a b", "$(touch x)", "`id`", "-n", EVIL, "é", "a\nb", "", os.fsdecode(b"\xff'\\"), "*"]
    line = command("printf", r"%s\0", *words)
    assert printable(line) == line
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, check=True)
    assert [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]] == words
    assert command("dlic-fit", "--resume", Path("runs/a/001")) == "dlic-fit --resume runs/a/001"
