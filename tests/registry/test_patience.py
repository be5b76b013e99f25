"""Time in which a program is stopped is nobody's."""

import os
import signal
import subprocess
import sys
import time

import pytest

from dlic_registry.patience import patient

CODE = """
import time
from dlic_registry.patience import patient
def wait(seconds):
    print("go", flush=True)
    time.sleep(seconds)
    return False
begun = time.monotonic()
print(patient(0.6, wait, 0.1), time.monotonic() - begun)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is stopped there")
def test_a_stopped_program_has_as_much_time_left_as_before() -> None:
    process = subprocess.Popen([sys.executable, "-c", CODE], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "go\n"
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(1)
    os.kill(process.pid, signal.SIGCONT)
    came, took = process.communicate(timeout=60)[0].split()[-2:]
    assert came == "False"
    assert float(took) > 1.35


def test_what_comes_ends_the_wait() -> None:
    asked: list[float] = []

    def wait(seconds: float) -> bool:
        asked.append(seconds)
        return len(asked) == 3

    assert patient(2.5, wait)
    assert asked == [1.0, 1.0, 0.5]
    assert not patient(0, wait)
