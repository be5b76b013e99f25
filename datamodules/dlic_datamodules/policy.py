"""What becomes of pictures that cannot be used."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from dlic_datamodules.errors import DataError

__all__ = ["Policy", "check_failures", "write_listing"]


@dataclass(frozen=True)
class Policy:
    """What to do about pictures that cannot be used.

    Attributes:
        on_error: ``raise`` or ``skip``.
        max_failed: Largest share of the set that may be skipped.
        listing: CSV file the skipped are appended to, or None.
    """

    on_error: str = "raise"
    max_failed: float = 0.05
    listing: Path | None = None

    def note(self, split: str, name: str, reason: str) -> None:
        """Adds a line to the listing; whole lines only, also when several processes write."""
        if self.listing is None:
            return
        line = ",".join('"' + part.replace('"', '""') + '"' for part in (split, name, reason)) + "\r\n"
        descriptor = os.open(self.listing, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def write_listing(path: Path, rows: list[tuple[str, str, str]]) -> None:
    """Writes the skipped pictures, (split, name, reason) each, as a CSV file with a header."""
    with open(path, "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, quoting=csv.QUOTE_ALL)
        writer.writerow(["split", "name", "reason"])
        writer.writerows(rows)


def check_failures(failures: list[tuple[str, str]], total: int, on_error: str, max_failed: float) -> None:
    """Applies the policy for pictures that cannot be used.

    Raises:
        DataError: There are failures and ``on_error`` is ``raise``, or they are more than the share ``max_failed``.
    """
    if failures and on_error == "raise":
        name, reason = failures[0]
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise DataError(
            f"{name}: {reason}{more}\nRemove or mend the file, or leave such pictures out with data.args.on_error=skip"
        )
    if len(failures) > max_failed * total:
        name, reason = failures[0]
        raise DataError(
            f"{len(failures)} of {total} pictures cannot be used, more than the share max_failed = {max_failed:g}\n"
            f"The first is {name}: {reason}\nMend the set, or raise data.args.max_failed"
        )
