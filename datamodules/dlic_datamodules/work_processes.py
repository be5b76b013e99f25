"""Jobs side by side in processes, each of which may be killed without costing more than the job it was at."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from dlic_registry import import_plugins, imported_plugins

__all__ = ["KilledError", "cores", "end_with", "run_jobs"]

# What libraries of numbers read, when they are loaded, as how many threads they shall work with.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class KilledError(Exception):
    """The process that was at a job is gone."""


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    job: int | None = None


def run_jobs(work: Callable[[Any], Any], jobs: Sequence[Any], workers: int) -> Iterator[tuple[int, Any]]:
    """Does jobs in processes.

    Args:
        work: Does one; it must be picklable. What it raises is raised here, and ends all.
        jobs: What it is called with.
        workers: Processes at most. Each has an even share of the cores for threads of its own, or what the
            environment says.

    Yields:
        A job's number and what came of it, as they get done: a `KilledError` where the process ended meanwhile.
    """
    # Forking a process that has threads, as decoders and torch have, may deadlock.
    context = multiprocessing.get_context("spawn")
    threads = max(1, cores() // max(1, min(workers, len(jobs))))
    waiting = list(range(len(jobs)))[::-1]
    idle: list[_Worker] = []
    busy: list[_Worker] = []
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                job = waiting.pop()
                busy.append(_give(idle.pop() if idle else None, job, jobs[job], lambda: _start(context, work, threads)))
            ready = wait([worker.pipe for worker in busy])
            for worker in [worker for worker in busy if worker.pipe in ready]:
                busy.remove(worker)
                assert worker.job is not None
                try:
                    made, raised = worker.pipe.recv()
                except (EOFError, OSError):
                    worker.process.join()
                    made = KilledError(_how(worker.process.exitcode))
                else:
                    idle.append(worker)
                    if raised:
                        raise made
                yield worker.job, made
    finally:
        for worker in (*idle, *busy):
            worker.process.terminate()
        for worker in (*idle, *busy):
            worker.process.join()


def _how(status: int | None) -> str:
    if status == -9:
        return "its process was killed by signal 9, as the system does when memory is short; try fewer --workers"
    return f"its process was ended by signal {-status}" if status and status < 0 else f"its process ended ({status})"


def _give(worker: _Worker | None, number: int, job: Any, start: Callable[[], _Worker]) -> _Worker:
    """Hands a job to a worker, or to a new one where that is gone."""
    if worker is not None:
        try:
            worker.pipe.send(job)
        except OSError:
            worker = None
    if worker is None:
        worker = start()
        worker.pipe.send(job)
    worker.job = number
    return worker


def _start(context: Any, work: Callable[[Any], Any], threads: int) -> _Worker:
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work, os.getpid(), imported_plugins()), daemon=True)
    with _environment(threads):
        process.start()
    # With our copy of its end open, we would never see that it is gone.
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _environment(threads: int) -> Iterator[None]:
    """What a process that begins here takes over: it must know before it loads anything."""
    before = {name: os.environ.get(name) for name in _THREADS}
    try:
        os.environ.update({name: str(threads) for name, value in before.items() if not value or not value.isdecimal()})
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _serve(pipe: Connection, work: Callable[[Any], Any], parent: int, plugins: list[str]) -> None:
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    import_plugins(plugins)
    try:
        while True:
            job = pipe.recv()
            try:
                made, raised = work(job), False
            except Exception as error:
                made, raised = error, True
            pipe.send((made, raised))
    except (EOFError, OSError, KeyboardInterrupt):
        return


def end_with(parent: int) -> None:
    """Ends this process soon after its parent: one that was killed cannot tell its workers to stop."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
