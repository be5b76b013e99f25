"""Many pictures: side by side in processes, and again from where it was cut off."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from dlic_datamodules.files import remove_leftovers
from dlic_datamodules.formats import PICTURE_SUFFIXES
from dlic_datamodules.walk import Found, find_files, target_names
from dlic_datamodules.work_processes import KilledError, run_jobs
from dlic_registry import DlicError

Work = Callable[[Path, Path], str]
Pair = tuple[Path, Path]


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Attributes:
        source: The file that was read, or its address.
        target: The file that was written, or its address.
        message: One line: what was made, or what went wrong.
        failed: Whether it went wrong.
        notes: What was warned of meanwhile.
    """

    source: Path | str
    target: Path | str
    message: str
    failed: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What to do with a folder.

    Attributes:
        pairs: Each file and the one it becomes, in the order of the paths.
        others: How many files were left alone, by suffix.
        problems: Folders that cannot be listed, and why.
    """

    pairs: list[Pair]
    others: Counter[str] = field(default_factory=Counter)
    problems: dict[Path, str] = field(default_factory=dict)


def find_pictures(folder: Path, without: Path | None = None) -> Found:
    """The pictures of a folder and its subfolders, by their suffix.

    Args:
        folder: The folder.
        without: A folder inside that is left out: where results go.

    Raises:
        DlicError: There is no such folder, or no picture in it.
    """
    return _find(folder, PICTURE_SUFFIXES, without)


def _find(folder: Path, suffixes: frozenset[str], without: Path | None) -> Found:
    if not folder.is_dir():
        raise DlicError(f"{folder}: no such folder")
    found = find_files(folder, suffixes, without)
    if not found.files:
        for place, reason in found.problems.items():
            raise DlicError(f"{place}: {reason}")
        few = ", ".join(sorted(suffixes)) if len(suffixes) < 9 else ".jpg, .png, .tif, .webp or the like"
        raise DlicError(f"{folder}: no files in it that end in {few}")
    return found


def plan(source: Path, target: Path, suffixes: frozenset[str], ending: str | Callable[[PurePosixPath], str]) -> Plan:
    """Pairs each file of a folder with the file that it becomes; no two become one.

    Args:
        source: Searched with its subfolders.
        target: The same tree is made in it.
        suffixes: Endings of the files to take, in lower case.
        ending: Of the files to make, see `dlic_datamodules.walk.target_names`.

    Raises:
        DlicError: There are no such files, or the target is no folder and cannot become one.
    """
    if os.path.lexists(target) and not target.is_dir():
        raise DlicError(f"{target}: is no folder, but {source} is one; name a folder for the results")
    found = _find(source, suffixes, target)
    names = [PurePosixPath(path.relative_to(source).as_posix()) for path in found.files]
    made = target_names(names, ending if callable(ending) else lambda _: ending)
    pairs = [(path, target / name) for path, name in zip(found.files, made, strict=True)]
    if reason := _prepare(target):
        # What goes wrong for all is said once, before anything is read.
        raise DlicError(reason)
    return Plan(pairs, found.others, found.problems)


def run(pairs: list[Pair], work: Work, workers: int, overwrite: bool = False, apart: bool = True) -> Iterator[Outcome]:
    """Does the work for every pair whose target is not there yet, as they get done; nothing ends it early.

    Args:
        pairs: Files to read and to write.
        work: Writes one target, whole or not at all, and says in a line what it made; to be done apart it must be
            picklable.
        workers: Processes.
        overwrite: Whether to make again what is there.
        apart: Whether work is done in processes of its own, which may crash; else one after the other in this one.
    """
    left: list[Pair] = []
    broken = {folder: reason for folder in {target.parent for _, target in pairs} if (reason := _prepare(folder))}
    for source, target in pairs:
        if target.parent in broken:
            yield Outcome(source, target, broken[target.parent], failed=True)
        elif not overwrite and _exists(target):
            yield Outcome(source, target, _skipped(source, target))
        else:
            left.append((source, target))
    if not apart or len(left) <= 1:
        yield from (guarded(work, pair) for pair in left)
        return
    for number, outcome in run_jobs(partial(guarded, work), left, max(1, workers)):
        yield Outcome(*left[number], str(outcome), failed=True) if isinstance(outcome, KilledError) else outcome


def _prepare(folder: Path) -> str | None:
    """Makes a folder of results; or says why not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
    except OSError as error:
        return f"{folder}: cannot be made ({error.strerror or error})"
    return None


def _exists(target: Path) -> bool:
    try:
        return target.exists()
    except OSError:  # A name too long, say: writing it will tell.
        return False


def _skipped(source: Path, target: Path) -> str:
    try:
        older = target.stat().st_mtime_ns < source.stat().st_mtime_ns
    except OSError:
        older = False
    return "exists, skipped" + (", though older than its source (--overwrite makes it again)" if older else "")


def guarded(work: Work, pair: Pair) -> Outcome:
    """Does one file's work; whatever it raises is an outcome too."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            message = work(*pair)
        except DlicError as error:
            return Outcome(*pair, str(error), failed=True)
        except Exception as error:
            # One file must not cost the rest of the folder, whatever it is that we did not think of.
            text = " ".join(str(error).split())[:300]
            return Outcome(*pair, f"{type(error).__name__}: {text}", failed=True)
    notes = {str(entry.message) for entry in caught if issubclass(entry.category, UserWarning)}
    return Outcome(*pair, message, notes=tuple(sorted(notes)))
