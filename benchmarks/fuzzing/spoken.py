"""What the command line says of a file: its verbs run in this process, with their output caught."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from typing import Any


def spoken(*words: str) -> str:
    """Everything that a verb prints to standard output and standard error, as it would reach a terminal."""
    from lightning_dlic.cli.main import main

    out: Any = io.StringIO()
    before, sys.argv = sys.argv, ["dlic", *words]
    with warnings.catch_warnings(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            main()
        except SystemExit:
            pass
        finally:
            sys.argv = before
    text: str = out.getvalue()
    return text


def acted_upon(text: str) -> list[str]:
    """The characters of a text that a terminal would not merely show."""
    return [letter for letter in text if not (letter.isprintable() or letter in "\n\t")]
