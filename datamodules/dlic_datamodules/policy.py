"""What becomes of pictures that cannot be used."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from dlic_datamodules.errors import DataError
from dlic_datamodules.locks import locked

__all__ = ["Policy", "check_failures", "write_listing"]

_HEADER = ("split", "name", "reason")


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
        """Adds a picture to the listing, unless it is there; several processes may write at once."""
        if self.listing is None:
            return
        line = _lines([(split, name, reason)])
        self.listing.parent.mkdir(parents=True, exist_ok=True)
        lock = self.listing.with_name(f".{self.listing.name}.lock")
        with locked(lock, f"writing {self.listing}"), open(self.listing, "a+b") as handle:
            handle.seek(0)
            present = handle.read()
            if line not in present:
                handle.write((b"" if present else _lines([_HEADER])) + line)


def write_listing(path: Path, rows: list[tuple[str, str, str]]) -> None:
    """Writes the skipped pictures, (split, name, reason) each, as a CSV file with a header."""
    path.write_bytes(_lines([_HEADER, *rows]))


def _lines(rows: list[tuple[str, str, str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode(errors="backslashreplace")


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
