"""A folder shared out by Ray: the same bytes, wherever files lie, whoever dies meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image
from plugin_maker import DLIC

from lightning_dlic import compress

CODEC = """
import os, signal, zlib
from pathlib import Path

import numpy as np

from dlic_registry import register
from lightning_dlic.codec import BaseCodec, Planes


@register("codec", "mortal")
class Mortal(BaseCodec):
    exact = True
    steps = 8
    start = (3.0, 2.0)

    def encode(self, planes, quality, effort=5):
        fatal = Path(os.environ["MORTAL"])
        # The task is given another try: both die.
        if planes.y[0, 0] == 10 and len(fatal.read_text()) < 2:
            fatal.write_text(fatal.read_text() + "x")
            os.kill(os.getpid(), signal.SIGKILL)
        return bytes([7 - quality]) + zlib.compress((planes.y >> (7 - quality)).tobytes(), 9)

    def decode(self, payload, height, width, color):
        raw = np.frombuffer(zlib.decompress(payload[1:]), np.uint8)
        return Planes(raw.reshape(height, width) << payload[0])
"""
# On a busy machine Ray's own processes take their time to find each other.
PATIENT = dict.fromkeys(("RAY_gcs_server_port_wait_time_s", "RAY_gcs_server_request_timeout_seconds"), "300")
# As many as take each worker some tasks; with 200 it is the same.
PICTURES = 24
OPTIONS = ("--quality", "60", "--codec", "mortal", "--gray", "--scale", "1", "--pipeline", "bicubic")


def _picture(number):
    rows = np.add.outer(np.arange(12), np.arange(9) * 3)
    rows[0, 0] = number
    return rows.astype(np.uint8)


@pytest.mark.slow
def test_two_workers_make_the_same_bytes_and_a_restart_what_a_killed_one_left(tmp_path, monkeypatch):
    pytest.importorskip("ray")
    source, target = tmp_path / "in", tmp_path / "out"
    for number in range(PICTURES):
        path = source / str(number % 3) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(_picture(number)).save(path)
    (source / "notes.txt").write_text("no picture")
    (tmp_path / "mortal.py").write_text(CODEC)
    (tmp_path / "deaths").write_text("")
    environment = {**os.environ, **PATIENT, "PYTHONPATH": str(tmp_path), "MORTAL": str(tmp_path / "deaths")}
    words = [
        "compress",
        f"file://{source}",
        str(target),
        *OPTIONS,
        "--on",
        "ray",
        "--workers",
        "2",
        "--plugin",
        "mortal",
    ]

    def run():
        # Ray gives itself half a minute to begin in, which no setting lengthens: on a busy machine it may try again.
        for _ in range(5):
            done = subprocess.run(
                [sys.executable, "-c", DLIC, *words], env=environment, capture_output=True, text=True, timeout=300
            )
            if "timed out during startup" not in done.stderr:
                break
        return done

    first = run()
    assert first.returncode == 1, first.stdout + first.stderr
    assert f"1 of {PICTURES} failed" in first.stderr
    assert "/1/10.png: its worker was lost" in first.stderr
    assert len(list(target.rglob("*.dlic"))) == PICTURES - 1
    again = run()
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("exists, skipped") == PICTURES - 1
    assert "left alone by their suffix: 1 .txt" in again.stderr
    monkeypatch.setenv("MORTAL", environment["MORTAL"])
    monkeypatch.syspath_prepend(str(tmp_path))
    from dlic_registry import import_plugins, local

    monkeypatch.setattr(local, "CLASSES", dict(local.CLASSES))
    import_plugins(["mortal"])
    for number in range(PICTURES):
        made = compress(_picture(number), quality=60, codec="mortal", scale=1, pipeline="bicubic")
        assert (target / str(number % 3) / f"{number}.dlic").read_bytes() == made.data


def test_addresses_are_read_and_written_by_fsspec(tmp_path):
    """Without Ray: what a worker does, from and into a file system in memory."""
    from dlic_datamodules.remote_work import _at, _existing, plan_remote

    memory = fsspec.filesystem("memory")
    for name in ("a.png", "sub/b.PNG", "sub/.hidden.png", "c.txt"):
        memory.pipe(f"/photos/{name}", b"bytes of " + name.encode())
    plan = plan_remote("memory://photos", "memory://coded", frozenset({".png"}), ".dlic")
    assert [target for _, target in plan.pairs] == ["memory://coded/a.dlic", "memory://coded/sub/b.dlic"]
    assert plan.others == {".txt": 1}
    assert _existing(plan) == set()
    for pair in plan.pairs:
        outcome = _at((_copy, []), *pair)
        assert not outcome.failed, outcome.message
        assert outcome.message == f"{pair[1]}: made of {pair[0]}"
    assert memory.cat("/coded/sub/b.dlic") == b"bytes of sub/b.PNG"
    assert _existing(plan) == {target for _, target in plan.pairs}
    assert _at((_copy, []), "memory://photos/none.png", "memory://coded/none.dlic").failed


def _copy(source: Path, target: Path) -> str:
    target.write_bytes(source.read_bytes())
    return f"{target}: made of {source}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere", "out", "--on", "ray"), "no picture in it"),
        (("in", "out", "--on", "dask"), "the one engine is ray"),
        (("s3://bucket/in", "out"), "addresses are for folders that are shared out: --on ray"),
        (("-", "out", "--on", "ray"), "not standard input"),
        (("nosuch://x/y", "out", "--on", "ray"), "Protocol not known: nosuch"),
    ],
)
def test_mistakes_are_sentences(words, said, inline):
    assert said in inline("compress", *words, "--bytes", 900, status=2)[1]
