"""What a process behind the page does, one job after another, and how it tells of it."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

from dlic_datamodules.work_processes import end_with
from dlic_registry import DlicError, import_plugins

Tell = Callable[..., None]


def serve(pipe: Connection, plugins: list[str]) -> None:
    """Does jobs until the other end is gone.

    Each is a mapping: what to do under ``task``, and the arguments of the function in `lightning_dlic.demo.tasks`.
    Answers are ``step`` with its beginning and end as shares of the job and with words, ``part`` with a name and
    facts, and at the end ``done`` or ``failed``.
    """
    # Ctrl-C is for the server, which ends its processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    import_plugins(plugins)
    # Threads that spin while they wait for each other would take the cores that the other visitors' processes need.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Imported while nobody waits for it yet.
    from lightning_dlic.demo import tasks

    tasks.warm()
    try:
        while True:
            perform(pipe.recv(), lambda *told: pipe.send(told), tasks)
    except (EOFError, OSError):
        return


def perform(job: Mapping[str, Any], tell: Tell, tasks: Any) -> None:
    """Does a job, and tells how it ended."""
    arguments = {key: value for key, value in job.items() if key != "task"}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(tasks, job["task"])(tell, **arguments)
    except DlicError as error:
        tell("failed", str(error))
    except MemoryError:
        tell("failed", "There is not enough memory for this picture. Try a smaller one.")
    except Exception as error:  # One visitor's job must not end what the others use.
        text = (str(error).strip().splitlines() or ["no message"])[0][:200]
        tell("failed", f"Something went wrong that should not ({type(error).__name__}: {text}).")
    else:
        tell("done")
