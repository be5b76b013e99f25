"""Many pictures: side by side in processes, and again from where it was cut off."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from dlic_registry import DlicError
from lightning_dlic.pipeline.files import remove_leftovers

Work = Callable[[Path, Path], str]
SUFFIX = ".dlic"
PICTURES = frozenset({".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Attributes:
        source: The file that was read.
        target: The file that was written.
        message: One line: what was made, or what went wrong.
        failed: Whether it went wrong.
    """

    source: Path
    target: Path
    message: str
    failed: bool = False


def plan(source: Path, target: Path, suffixes: frozenset[str], ending: str) -> list[tuple[Path, Path]]:
    """Pairs each file of a folder with the file that it becomes.

    Args:
        source: Searched with its subfolders.
        target: The same tree is made in it.
        suffixes: Endings of the files to take, in lower case.
        ending: Of the files to make; it replaces the own ending, or follows it where two files would get one name.

    Returns:
        Pairs, in the order of the paths.

    Raises:
        DlicError: There are no such files.
    """
    inside = target.resolve()
    files = [p for p in sorted(source.rglob("*")) if p.suffix.lower() in suffixes and p.is_file()]
    files = [p for p in files if inside == source.resolve() or not p.resolve().is_relative_to(inside)]
    if not files:
        raise DlicError(f"{source}: no files in it that end in {', '.join(sorted(suffixes))}")
    stems = [path.with_suffix("") for path in files]
    pairs = []
    for path, stem in zip(files, stems, strict=True):
        name = path.name if stems.count(stem) > 1 else path.stem
        pairs.append((path, target / path.relative_to(source).with_name(name + ending)))
    return pairs


def run(pairs: list[tuple[Path, Path]], work: Work, workers: int) -> Iterator[Outcome]:
    """Does the work for every pair whose target is not there yet, as they get done.

    Args:
        pairs: Files to read and to write.
        work: Writes one target, whole or not at all, and says in a line what it made; it must be picklable.
        workers: Processes.
    """
    for folder in {target.parent for _, target in pairs}:
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
    left = [pair for pair in pairs if not pair[1].exists()]
    yield from (Outcome(*pair, "exists, skipped") for pair in pairs if pair not in left)
    if workers <= 1 or len(left) <= 1:
        yield from (_guarded(work, *pair) for pair in left)
        return
    # Forking a process that has threads, as decoders and torch have, may deadlock.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(left)), context, _end_with, (os.getpid(),)) as pool:
        jobs = [pool.submit(_guarded, work, *pair) for pair in left]
        yield from (job.result() for job in as_completed(jobs))


def _guarded(work: Work, source: Path, target: Path) -> Outcome:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            message = work(source, target)
        except DlicError as error:
            return Outcome(source, target, str(error), failed=True)
    notes = {str(entry.message) for entry in caught if issubclass(entry.category, UserWarning)}
    return Outcome(source, target, "; ".join([message, *sorted(notes)]))


def _end_with(parent: int) -> None:
    """Ends this process soon after its parent: one that was killed cannot tell its workers to stop."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
