"""Processes at work for the page: each does one job at a time, tells how far it is, and is killed to stop one."""

from __future__ import annotations

import contextlib
import multiprocessing
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from dlic_registry import DlicError, imported_plugins
from lightning_dlic.demo.limits import PATIENCE, SECONDS, WAITING

_KEPT = 200
_GONE = "The process that worked on it ended; perhaps memory was short. Try a smaller picture."
_LATE = "It took too long and was given up. Try a smaller picture."


class BusyError(DlicError):
    """More is waiting than the page takes on."""


@dataclass(eq=False)
class Job:
    """A piece of work.

    Attributes:
        task: What `lightning_dlic.demo.work.perform` takes.
        name: Unguessable.
        state: ``waiting``, ``working``, ``done``, ``failed`` or ``stopped``.
        share: How much of it is done, 0 to 1.
        until: How much will be when what is being done is.
        step: What is being done, in words.
        made: What has come of it so far, part by part.
        error: Why it failed, in a sentence.
        seen: When somebody asked for it last.
    """

    task: Mapping[str, Any]
    name: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    state: str = "waiting"
    share: float = 0.0
    until: float = 0.0
    step: str = ""
    made: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    seen: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ("done", "failed", "stopped")

    def facts(self) -> dict[str, Any]:
        """What the page is told."""
        told = ("state", "share", "until", "step", "made", "error")
        return {"job": self.name} | {key: getattr(self, key) for key in told}


@dataclass(eq=False)
class _Worker:
    process: BaseProcess | None = None
    pipe: Connection | None = None
    job: Job | None = None


class Crew:
    """A few processes, started when first needed and again after one was killed."""

    def __init__(self, workers: int) -> None:
        """Starts nothing yet.

        Args:
            workers: Processes at most.
        """
        self._workers = [_Worker() for _ in range(workers)]
        self._waiting: list[Job] = []
        self._jobs: dict[str, Job] = {}
        self._lock = threading.RLock()
        self._closed = False

    def warm(self) -> None:
        """Starts the first process, which imports what jobs need before there is one."""
        with self._lock:
            self._ready(self._workers[0])

    def submit(self, task: Mapping[str, Any]) -> Job:
        """Takes a job on.

        Raises:
            BusyError: Too many wait already.
        """
        with self._lock:
            if len(self._waiting) >= WAITING:
                raise BusyError("Too many others are waiting. Try again in a minute.")
            job = Job(task)
            self._jobs[job.name] = job
            for old in [name for name, each in self._jobs.items() if each.over][: max(0, len(self._jobs) - _KEPT)]:
                del self._jobs[old]
            self._waiting.append(job)
            self._hand_out()
        return job

    def find(self, name: str) -> Job | None:
        """A job by its name, of which it notes that somebody asks for it."""
        job = self._jobs.get(name)
        if job is not None:
            job.seen = time.monotonic()
        return job

    def stop(self, job: Job) -> None:
        """Ends a job, wherever it is."""
        with self._lock:
            if job.over:
                return
            job.state = "stopped"
            if job in self._waiting:
                self._waiting.remove(job)
            for worker in self._workers:
                if worker.job is job and worker.process is not None:
                    worker.process.kill()

    def close(self) -> None:
        """Ends all processes."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            for worker in self._workers:
                self._retire(worker)

    def _hand_out(self) -> None:
        free = sorted((each for each in self._workers if each.job is None), key=lambda each: each.process is None)
        for worker in free[: len(self._waiting)]:
            job = self._waiting.pop(0)
            worker.job, job.state = job, "working"
            try:
                threading.Thread(target=self._attend, args=(worker, job), daemon=True).start()
            except RuntimeError:
                worker.job = None
                self._end(job, "failed", _GONE)

    def _ready(self, worker: _Worker) -> Connection:
        """A worker's pipe, with a process at its other end."""
        if worker.process is None or worker.pipe is None:
            from lightning_dlic.demo.work import serve

            # Forking a process that has threads, as a server has, may deadlock.
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            process = context.Process(target=serve, args=(theirs, imported_plugins()), daemon=True)
            process.start()
            # With our copy of its end open, we would never see that it is gone.
            theirs.close()
            worker.process, worker.pipe = process, ours
        return worker.pipe

    def _attend(self, worker: _Worker, job: Job) -> None:
        """Hands a job to a worker and takes down what it tells, to the end."""
        end = time.monotonic() + SECONDS
        try:
            with self._lock:
                pipe = self._ready(worker)
            pipe.send(dict(job.task))
            while not job.over:
                if pipe.poll(1.0):
                    self._note(job, *pipe.recv())
                elif time.monotonic() > end:
                    self._end(job, "failed", _LATE)
                elif time.monotonic() - job.seen > PATIENCE:
                    self._end(job, "stopped", "")
        except (EOFError, OSError):
            self._end(job, "failed", _GONE)
        with self._lock:
            if job.state == "stopped" or job.error in (_GONE, _LATE):
                self._retire(worker)
            worker.job = None
            if not self._closed:
                self._hand_out()
                # Whoever comes next should not wait for its imports.
                with contextlib.suppress(OSError):
                    self._ready(worker)

    def _end(self, job: Job, state: str, error: str) -> None:
        with self._lock:
            if not job.over:
                job.state, job.error = state, error

    def _retire(self, worker: _Worker) -> None:
        if worker.process is not None and worker.pipe is not None:
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()
        worker.process = worker.pipe = None

    def _note(self, job: Job, kind: str, *told: Any) -> None:
        with self._lock:
            if job.over:
                return
            if kind == "step":
                job.share, job.until, job.step = told
            elif kind == "part":
                job.made = {**job.made, told[0]: {**job.made.get(told[0], {}), **told[1]}}
            elif kind == "done":
                job.state, job.share = "done", 1.0
            else:
                job.state, job.error = "failed", told[0]
