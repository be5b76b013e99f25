"""Warnings as a user wants to read them: one line, without the place in our code."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from dlic_registry.terminal import say


@contextmanager
def notes() -> Iterator[None]:
    """Prints warnings that arise inside to standard error, each once; others' deprecations are not the user's."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for message in dict.fromkeys(str(entry.message) for entry in caught if entry.category is UserWarning):
        say(f"warning: {message}", err=True, lines=True)
