"""Where memory is limited, a program's work is done by a child: what libraries do there is told in a sentence.

With ``ulimit -v``, as batch systems set it, much that is written in C neither raises nor returns when nothing is left:
it aborts, reads from address 0, or waits for a thread that never began. Who does that cannot tell; its parent can.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

from dlic_registry.terminal import say

# Limits from which nothing is expected to end early.
_AMPLE = 32 << 30
_CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP", "SIGKILL", "SIGSYS")
# What the C library exits with where it cannot even abort.
_GAVE_UP = 127
_TOLD_ON = tuple(signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in signal.Signals.__members__)
# Seconds without any work, of a program that waits for nobody, after which it waits for something that never comes.
_STALL = 20.0
_SLICE = 1.0
# These wait for users, other machines, or other processes of a training; so does what reads a pipe or the network.
_PATIENT = ("demo", "fit", "prepare", "push", "-", "--on")
_AT_WORK = "RDT"


def memory_limit() -> str | None:
    """How much memory this process may take, in words, where ``ulimit`` says so; None where that is plenty."""
    if sys.platform != "linux":
        return None
    import resource

    limits = {"-v": resource.getrlimit(resource.RLIMIT_AS)[0], "-d": resource.getrlimit(resource.RLIMIT_DATA)[0]}
    option, limit = min(limits.items(), key=lambda each: each[1] if each[1] >= 0 else _AMPLE)
    return f"ulimit {option} allows {limit >> 10} kB" if 0 <= limit < _AMPLE else None


def too_little(limit: str, why: str = "") -> str:
    """The sentence, with what was said of it at the place."""
    said = f" ({why[:160]})" if why else ""
    return f"not enough memory: {limit}{said}\nRaise that limit, or take a smaller picture or a smaller batch."


def guard(program: str) -> None:
    """Returns at once where memory is plenty, and else in a child, whose parent ends as it does, or tells why it ended.

    Args:
        program: ``dlic`` or ``dlic-fit``.
    """
    limit = memory_limit()
    if limit is None:
        return
    parent = os.getpid()
    waited = {*_TOLD_ON, signal.SIGTSTP, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    child = os.fork()
    if child == 0:
        # Signals reach it once, by its parent, whoever sends them to a whole group of processes.
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        return
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    busy = program == "dlic" and not any(map(_waits, sys.argv[1:]))
    _end_as(_attend(child, waited, busy), limit)


def _waits(word: str) -> bool:
    return word in _PATIENT or "://" in word or Path(word).is_fifo()


def _end_with(parent: int) -> None:
    """Ends this process soon after its parent."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def _attend(child: int, waited: set[signal.Signals], busy: bool) -> int:
    """The status of a child, to which signals are handed on, and which is ended where it waits for what never comes."""
    work, since = -1, time.monotonic()
    while True:
        told = signal.sigtimedwait(waited, _SLICE)
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            # Programs that it started and left.
            _tell(child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(status)
        if told is not None and told.si_signo == signal.SIGTSTP:
            _tell(child, signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGSTOP)
            _tell(child, signal.SIGCONT)
            since = time.monotonic()
        elif told is not None and told.si_signo != signal.SIGCHLD:
            os.kill(child, told.si_signo)
        if busy and work != (done := _work(child)):
            work, since = done, time.monotonic()
        elif busy and time.monotonic() - since > _STALL:
            _tell(child, signal.SIGKILL)


def _tell(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _work(group: int) -> int:
    """Ticks of processors that a group of processes has had; a new number each time where one of them is at work."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            # Behind the name, which may hold anything.
            facts = path.read_text(errors="replace").rpartition(")")[2].split()
            if int(facts[2]) != group:
                continue
            if facts[0] in _AT_WORK:
                return time.monotonic_ns()
            total += sum(map(int, facts[11:15]))
    return total


def _end_as(status: int, limit: str) -> None:
    """Ends this process as its child has ended."""
    crashed = status < 0 and signal.Signals(-status).name in _CRASHES
    if crashed or status == _GAVE_UP:
        with contextlib.suppress(OSError):
            say(f"error: {too_little(limit)}", err=True, lines=True)
        os._exit(1)
    if status < 0:
        number = -status
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
    os._exit(status)
