"""From the stream's batches to the training process: which come, and how they are fetched."""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, DistributedSampler, SequentialSampler, get_worker_info

from dlic_datamodules.errors import DataError, StorageError
from dlic_datamodules.stream import Failure, Missing
from dlic_registry import MachineError, import_plugins

__all__ = ["PictureLoader", "StepSampler", "as_is"]

_AHEAD = 4


class StepSampler(DistributedSampler[int], SequentialSampler):
    """Numbers of the batches still to be made.

    It is a `DistributedSampler` because ranks are already told apart by `CropStream`: Lightning replaces any other
    kind by its own, which would deal the batches out a second time; and a `SequentialSampler` because it replaces any
    other where it is to overfit some batches.

    Args:
        steps: Batches of the whole run.
        start: Batches already done.
        rolling: Go on where the last epoch ended (for a Trainer that counts epochs) instead of one run of ``steps``.
    """

    def __init__(self, steps: int, start: int = 0, *, rolling: bool = False) -> None:
        self.steps, self.start, self.rolling = steps, start, rolling

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.steps + self.start if self.rolling else self.steps))

    def __len__(self) -> int:
        return self.steps

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        if self.rolling:
            self.start = epoch * self.steps


def as_is(batch: Any) -> Any:
    """Batches come whole from the data set; there is nothing to collate.

    A loader process puts them into shared memory here, where it can still tell that there is none left: torch would do
    it in a thread, lose the batch, and leave the training waiting.
    """
    if get_worker_info() is None or not isinstance(batch, dict):
        return batch
    try:
        for value in batch.values():
            if isinstance(value, Tensor):
                value.share_memory_()  # type: ignore[no-untyped-call]
    except (RuntimeError, OSError) as error:
        return Failure(_no_room("a loader process has", error), machine=True)
    return batch


def _no_room(who: str, error: Exception) -> str:
    return (
        f"{who} no room in shared memory ({str(error).splitlines()[0][:160]})\n"
        "Set data.args.workers=0, lower data.args.batch_size, or make /dev/shm larger (docker run --shm-size=1g)"
    )


@dataclass(frozen=True)
class StartWorker:
    """What a loader process does first.

    It leaves Ctrl-C, which reaches all processes of a terminal, to the training. And it knows the names that plug-in
    modules registered: where it is no fork of the training, nobody has imported them there.

    Attributes:
        plugins: The modules.
    """

    plugins: tuple[str, ...]

    def __call__(self, worker: int) -> None:
        """Called in the process, with its number."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        import_plugins(self.plugins)


def _ahead(batches: Iterator[Any]) -> Iterator[Any]:
    """The same batches, taken from the workers by a thread.

    A batch that a worker has ready still has to be fetched, and on busy cores the worker has to run for that: some
    milliseconds that a training step need not wait for.
    """
    ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(_AHEAD)
    stopped = threading.Event()

    def put(batch: Any, error: BaseException | None = None) -> bool:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                ready.put((batch, error), timeout=0.1)
                return True
        return False

    def take() -> None:
        try:
            for batch in batches:
                if not put(batch):
                    return
            put(None, StopIteration())
        except BaseException as error:
            put(None, error)

    def end() -> None:
        stopped.set()
        thread.join(timeout=30)

    thread = threading.Thread(target=take, name="dlic-batches", daemon=True)
    thread.start()
    # A thread that is still inside torch when the interpreter ends takes the program down with it.
    atexit.register(end)
    try:
        while True:
            batch, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield batch
    finally:
        atexit.unregister(end)
        end()


class LoaderError(DataError, MachineError):
    """A loader process was lost."""


def _started(iterate: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    """Starts loader processes, and has torch's handler for their deaths removed.

    It would raise wherever the training happens to be; a loader that waits for a dead process notices within seconds.

    Raises:
        StorageError: There is no room for what the processes talk through.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGCHLD"):
        return _begun(iterate)
    before = signal.getsignal(signal.SIGCHLD)
    try:
        return _begun(iterate)
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL if before is None else before)


def _begun(iterate: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    try:
        return iterate()
    except OSError as error:
        told = _no_room("loader processes have", error)
        # What torch has begun with complains, when it goes, of what it lacks.
        hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
        try:
            traceback.clear_frames(error.__traceback__)
            error.__traceback__ = None
        finally:
            sys.unraisablehook = hook
    raise StorageError(told)


class PictureLoader(DataLoader[Any]):
    """A `DataLoader` of whole batches, fetched ahead.

    A worker's mistake is raised as the sentence it is, without the worker's traceback; so is a worker's death.
    """

    def __iter__(self) -> Any:
        others, ours = set(multiprocessing.active_children()), set[BaseProcess]()
        missing, given = list[Missing](), 0
        try:
            batches = _started(super().__iter__)
            ours |= set(multiprocessing.active_children()) - others
            for batch in _ahead(batches) if self.num_workers else batches:
                if isinstance(batch, Failure):
                    raise batch.error()
                if isinstance(batch, Missing):
                    missing.append(batch)
                    self._check_missing(missing)
                else:
                    given += 1
                    yield batch
            if missing and not given:
                raise DataError(
                    f"none of {len(missing)} pictures to measure can be used\nThe last: {missing[-1].reason}"
                )
        except (RuntimeError, OSError, EOFError) as error:  # which, depends on what the process was at
            code = _exit_code(ours)
            if code is None:
                raise
            raise LoaderError(
                f"a process that loads pictures was lost ({_ending(code)}): is there too little memory for "
                f"{self.num_workers} of them?\nGo on with data.args.workers=0, or fewer than {self.num_workers}"
            ) from error

    def _check_missing(self, missing: list[Missing]) -> None:
        """Figures of what is left would be of another set than those before them.

        Raises:
            DataError: More cannot be used than the set's policy allows.
        """
        failed, total = [each for each in missing if each.failed], len(self.dataset)  # type: ignore[arg-type]
        share = self.dataset.policy.max_failed  # type: ignore[attr-defined]
        if len(failed) > share * total:
            raise DataError(
                f"{len(failed)} of {total} pictures to measure cannot be used, more than the share max_failed = "
                f"{share:g}\nThe last: {failed[-1].reason}\nMend the set, or raise data.args.max_failed"
            )


def _exit_code(processes: set[BaseProcess]) -> int | None:
    """How one of them has failed, if one has; its pipes break a moment before that is known."""
    for _ in range(20 if processes else 0):
        if codes := [process.exitcode for process in processes if process.exitcode]:
            return codes[0]
        time.sleep(0.05)
    return None


def _ending(code: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"status {code}"
