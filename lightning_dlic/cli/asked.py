"""SIGTERM and SIGHUP end a program as Ctrl-C does: what it was writing is taken away, and what helps it ends, too."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

_NAMES = ("SIGTERM", "SIGHUP")
_asked: list[int] = []


def listen() -> None:
    """From now on these signals interrupt the program; where one is ignored or listened to already, that stays."""
    if threading.current_thread() is not threading.main_thread():
        return
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _ask)
    if hasattr(os, "register_at_fork"):
        # A worker ends at once, as whoever ends it expects.
        os.register_at_fork(after_in_child=_unlearn)


def status(usual: int) -> int:
    """The exit status of a program that was interrupted: that of the signal that asked it, or the usual one."""
    return 128 + _asked[0] if _asked else usual


def _ask(number: int, frame: FrameType | None) -> None:
    _asked.append(number)
    # Whoever asks again does not want to wait.
    signal.signal(number, signal.SIG_DFL)
    raise KeyboardInterrupt


def _unlearn() -> None:
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is _ask:
            signal.signal(number, signal.SIG_DFL)
