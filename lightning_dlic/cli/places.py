"""What verbs share that turn a file into another, or a folder of files."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from dlic_registry import DlicError
from dlic_registry.terminal import printable, printable_json, say

if TYPE_CHECKING:
    from dlic_datamodules.folder_work import Outcome, Plan, Work

STANDARD = "-"
_UNITS = {"": 1, "k": 1000, "m": 1000**2, "ki": 1024, "mi": 1024**2}


def parse_bytes(text: str, option: str) -> int:
    """A number of bytes: ``1500``, ``2k`` or ``2kB`` (2000), ``2Ki`` or ``2KiB`` (2048), ``0.5M``.

    Raises:
        DlicError: It is none, or less than 1.
    """
    match = re.fullmatch(r"([0-9]{1,25}(?:\.[0-9]{1,15})?) ?(|k|m|ki|mi)(?:b|ytes)?", text.strip().lower())
    value = float(match[1]) * _UNITS[match[2]] if match else 0
    if value < 1 or value != int(value):
        raise DlicError(f"{option} {text[:40]!r}: write a number of bytes, such as 1500, 2k (2000) or 2Ki (2048)")
    return int(value)


def is_folder(source: str) -> bool:
    """Whether a source is a folder, not a file or standard input."""
    return source != STANDARD and Path(source).is_dir()


def place(source: str, target: str, ending: str, overwrite: bool) -> str:
    """Where one file's result goes; refused before anything is computed.

    Args:
        source: The file, or ``-``.
        target: A file, ``-``, or a folder, in which the result is called after the source.
        ending: Of the result's name in a folder.
        overwrite: Whether a name that was found here, and not by the user, may be one that is there.

    Raises:
        DlicError: It cannot be written there, or is the source itself.
    """
    from dlic_datamodules.files import check_target

    if target == STANDARD:
        if getattr(sys.stdout, "name", None) == os.devnull:
            # What was closed leads nowhere, see `ends`: the result would be lost without a word.
            raise DlicError("standard output is closed; name a file, or open it")
        return target
    if os.path.isdir(target) and source != STANDARD:
        target = os.path.join(target, Path(source).stem + ending)
        refuse_existing(target, overwrite)
    # What standard input is read from is a source too, wherever that can be told.
    check_target(target, "/dev/stdin" if source == STANDARD else source)
    return target


def refuse_existing(target: str | Path, overwrite: bool) -> None:
    """Refuses to replace a file that the user did not name: it may have been made of another picture."""
    if not overwrite and os.path.lexists(target):
        raise DlicError(f"{target}: exists; name the file, or add --overwrite")


def run_folder(plan: Plan, work: Work, workers: int, overwrite: bool) -> None:
    """Does a folder's work with a line a file; ends with status 1 where any failed.

    Args:
        plan: The files.
        work: Makes one of another.
        workers: Processes; 0 does the work in this one, where work cannot be handed over.
        overwrite: Whether to make again what is there.
    """
    from dlic_datamodules.folder_work import run

    for folder, reason in plan.problems.items():
        say(f"error: {printable(folder)}: {reason}", err=True, lines=True)
    outcomes = run(plan.pairs, work, workers, overwrite, apart=workers > 0)
    tell_outcomes(outcomes, len(plan.pairs), plan.others, len(plan.problems))


def tell_outcomes(outcomes: Iterable[Outcome], count: int, others: Counter[str], problems: int = 0) -> None:
    """Prints a line a file as they get done; ends with status 1 where any failed.

    Args:
        outcomes: What becomes of the files.
        count: How many there are.
        others: How many files were left alone, by suffix.
        problems: How many folders could not be listed.
    """
    failed = problems
    for number, outcome in enumerate(outcomes, 1):
        failed += outcome.failed
        _tell(outcome, f"[{number}/{count}]")
    if others:
        kinds = ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in others.most_common(8))
        say(f"note: left alone by their suffix: {kinds}", err=True)
    if failed:
        say(f"{failed} of {count + problems} failed; each is named above", err=True)
        raise typer.Exit(1)


def _tell(outcome: Outcome, count: str) -> None:
    if outcome.failed:
        reason = outcome.message.removeprefix(f"{outcome.source}: ")
        say(f"{count} error: {printable(outcome.source)}: {reason}", err=True, lines=True)
        return
    plain = not outcome.message.startswith("{")
    say(f"{count} {outcome.source} -> {outcome.message}" if plain else printable_json(outcome.message))
    for note in outcome.notes:
        say(f"warning: {note}", err=True, lines=True)
