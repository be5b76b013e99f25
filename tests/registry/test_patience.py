"""Time in which a program is stopped is nobody's."""

import os
import signal
import subprocess
import sys
import time

import pytest

from dlic_registry.patience import patient

CODE = """
import os, signal, time
from dlic_registry.patience import patient
def wait(seconds):
    global stopped
    if not stopped:
        stopped = True
        os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(seconds)
    return False
stopped = False
begun = time.monotonic()
print(patient(0.6, wait, 0.1), time.monotonic() - begun)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="nothing is stopped there")
def test_a_stopped_program_has_as_much_time_left_as_before() -> None:
    process = subprocess.Popen([sys.executable, "-c", CODE], stdout=subprocess.PIPE, text=True)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    time.sleep(1)
    os.kill(process.pid, signal.SIGCONT)
    came, took = process.communicate(timeout=300)[0].split()[-2:]
    assert came == "False"
    # A second of it asleep, and five slices of six.
    assert float(took) > 1.45


def test_what_comes_ends_the_wait() -> None:
    asked: list[float] = []

    def wait(seconds: float) -> bool:
        asked.append(seconds)
        return len(asked) == 3

    assert patient(2.5, wait)
    assert asked == [1.0, 1.0, 0.5]
    assert not patient(0, wait)
