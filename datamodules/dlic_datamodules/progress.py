"""A progress bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from dlic_registry.terminal import printable

__all__ = ["Progress", "progress_bar"]


class Progress(Protocol):
    """What a long job reports to."""

    def advance(self, amount: float = 1) -> None:
        """``amount`` more is done."""
        ...


class _Silent:
    def advance(self, amount: float = 1) -> None:
        """Says nothing."""


@contextmanager
def progress_bar(title: str, total: float | None, *, unit_bytes: bool = False) -> Iterator[Progress]:
    """A bar on standard error if that is a terminal.

    Args:
        title: What is being done.
        total: How much there is to do, or None where nobody knows.
        unit_bytes: Count bytes, and show the rate.
    """
    if not sys.stderr.isatty():
        yield _Silent()
        return
    from rich import progress as rich
    from rich.console import Console

    columns: list[rich.ProgressColumn] = [rich.TextColumn("{task.description}"), rich.BarColumn()]
    if unit_bytes:
        columns += [rich.DownloadColumn(), rich.TransferSpeedColumn()]
    else:
        columns += [rich.MofNCompleteColumn()]
    from rich.markup import escape

    with rich.Progress(*columns, rich.TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(escape(printable(title)), total=total)

        class Bar:
            def advance(self, amount: float = 1) -> None:
                bar.advance(task, amount)

        yield Bar()
