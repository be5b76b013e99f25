"""How a program ends: whatever goes wrong is a sentence and an exit status, a traceback only where it is asked for."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from dlic_registry import DlicError
from dlic_registry.terminal import printable, say
from lightning_dlic.cli import asked
from lightning_dlic.cli.guarded import guard, memory_limit, too_little

# A user mends these by giving another name; what is left is the machine's.
_USERS = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_MEMORY: tuple[str, ...] = ("allocate memory", "out of memory", "Failed to allocate", "bad_alloc", "too much memory")
# What the loader of libraries says where there is no room for one.
_NO_MEMORY += ("failed to map segment", "cannot allocate")
_NO_THREAD = "can't start new thread"
# What pathlib says of links that lead in a circle, before Python 3.13.
_LOOP = "Symlink loop from "
_TRACEBACK = "DLIC_TRACEBACK"
# Where these are set, pipes get colours, too.
_COLOURS = ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS")


def run(command: Any, program: str) -> None:
    """Runs a command and ends the process with its status.

    Status 2 is a mistake that the user can mend, 1 a failure of the machine or of ours, 130 Ctrl-C, 143 SIGTERM.

    Args:
        command: A command of typer.
        program: Its name in messages.
    """
    _open_streams()
    guard(program)
    asked.listen()
    try:
        if "" in sys.argv[1:]:
            # As a path it would be this folder.
            raise DlicError(
                "an empty word on the command line: is a variable not set?\nLeave it out, or write . for this folder."
            )
        try:
            for step in ("make_context", "invoke"):
                setattr(command, step, partial(_disarmed, getattr(command, step)))
            command.main(prog_name=program)
        except SystemExit as end:
            # Here rather than at the interpreter's end, where it could not be caught.
            sys.stdout.flush()
            if end.code:
                end.code = asked.status(end.code if isinstance(end.code, int) else 1)
            raise
    except KeyboardInterrupt:
        _leave(asked.status(130))
    except BrokenPipeError:
        _leave(1)
    except Exception as error:
        if os.environ.get(_TRACEBACK, "0") not in ("", "0"):
            _say(traceback.format_exc().rstrip())
        sentence, status = describe(error)
        _say(f"error: {sentence}")
        _leave(status)


def _disarmed(step: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """A step of typer's, which shows words of the command line in its own way where it does not understand them."""
    try:
        return step(*arguments, **options)
    except Exception as error:
        if isinstance(message := getattr(error, "message", None), str):
            error.message = printable(message + _file_of(message), lines=True)  # type: ignore[attr-defined]
        raise


def _file_of(message: str) -> str:
    """How to write a file's name that was taken for an option."""
    named = [word for word in sys.argv[1:] if word.startswith("-") and os.path.lexists(word)]
    return f"\nThe file of that name is ./{named[0]}" if named and message.startswith("No such option") else ""


def describe(error: Exception) -> tuple[str, int]:
    """An exception as a user wants to read it.

    Args:
        error: What ended a verb.

    Returns:
        One sentence, perhaps with a line on what to do, and the exit status.
    """
    limit = memory_limit()
    if isinstance(error, DlicError):
        if limit is not None and any(words in str(error) for words in _NO_MEMORY):
            return too_little(limit, str(error)), 1
        return str(error), error.status
    if isinstance(error, OSError) and error.errno == errno.ENOENT and error.filename is None and _nowhere():
        return "the folder you are in was removed; cd into one that is there", 2
    if isinstance(error, OSError) and error.strerror and error.errno != errno.ENOMEM:
        what = error.filename if error.filename is not None else "standard output"
        if isinstance(what, bytes):
            what = os.fsdecode(what)
        remedy = "\nMake room, or write somewhere else." if error.errno in _FULL else ""
        users = isinstance(error, _USERS) or error.errno in (errno.ENAMETOOLONG, errno.ELOOP)
        return f"{what}: {error.strerror}{remedy}", 2 if users else 1
    text = str(error).strip().splitlines()[0][:300] if str(error).strip() else "no message"
    if isinstance(error, RuntimeError) and text.startswith(_LOOP):
        return f"{text.removeprefix(_LOOP).strip(chr(39))}: {os.strerror(errno.ELOOP)}", 2
    if limit is not None:
        # Libraries put it in words of their own, or in none.
        return too_little(limit, f"{type(error).__name__}: {text}"), 1
    if isinstance(error, MemoryError) or any(words in text for words in _NO_MEMORY):
        return f"not enough memory ({text})", 1
    if _NO_THREAD in text:
        return f"{text}: there are too many already (ulimit -u), or memory is short", 1
    return f"unexpected {type(error).__name__}: {text}\n{_TRACEBACK}=1 shows where it came from.", 1


def _nowhere() -> bool:
    """Whether the working directory is gone."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _open_streams() -> None:
    """Closed ones lead nowhere; a name that the terminal cannot show is no reason to stop."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            # The lowest free number is this one's own, which no other file must get.
            setattr(sys, name, open(os.devnull, "w" if number else "r"))  # noqa: SIM115
        elif number and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
            if not (stream.isatty() or any(os.environ.get(name) for name in _COLOURS)):
                stream.write = partial(_write, stream.write)
    warnings.showwarning = _warn  # type: ignore[assignment]


def _write(write: Callable[[str], int], text: str) -> int:
    """Writes to what is no terminal yet, but may be shown in one; libraries print what they like."""
    write(text if text.isascii() and text.isprintable() else printable(text.replace("\r\n", "\n"), lines=True))
    return len(text)


def _warn(message: Warning | str, category: type[Warning], filename: str, *_: object) -> None:
    """Warnings without a place in the code; those of libraries with their kind."""
    ours = any(part in filename for part in ("lightning_dlic", "dlic_"))
    _say(f"warning: {message}" if ours else f"{category.__name__}: {message}")


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        say(text, err=True, lines=True)


def _leave(status: int) -> None:
    """Exits; what a full disk or a closed pipe did not take goes nowhere, or the interpreter would complain of it."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)
