"""Signals that ask a program to end: it takes away what it was writing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightning_dlic.codec import base_codec

MAIN = [sys.executable, "-c", "from lightning_dlic.cli.main import main; main()"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="no such signals here")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_program_that_is_asked_to_end_leaves_nothing_behind(number: int, status: int, tmp_path: Path) -> None:
    if base_codec("vvc").missing():
        pytest.skip("no encoder that works in a folder of its own")
    work, out = tmp_path / "work", tmp_path / "out"
    work.mkdir()
    out.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    words = ["compress", str(tmp_path / "a.png"), str(out / "a.dlic"), "--codec", "vvc", "--quality", "40"]
    # Some who run the tests ignore Ctrl-C; programs that they start would, too.
    with subprocess.Popen(
        [*MAIN, *words, "--scale", "1"],
        env=os.environ | {"TMPDIR": str(work)},
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        until = time.monotonic() + 120
        while not any(work.iterdir()) and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(number)
        process.communicate(timeout=120)
    assert process.returncode == status
    assert [*work.iterdir(), *out.iterdir()] == []
