"""RAISE's list of photographs."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from dlic_datamodules.errors import DataError

__all__ = ["RaiseRow", "read_csv"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,100}")


@dataclass(frozen=True)
class RaiseRow:
    """A photograph in RAISE's list: its name and where its files are."""

    name: str
    nef: str
    tiff: str


def read_csv(path: Path) -> list[RaiseRow]:
    """Reads RAISE's list.

    Args:
        path: A CSV file with a header that has ``File`` and one of ``NEF`` and ``TIFF``.

    Raises:
        DataError: The file is not there or is no such list.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="replace") as handle:
            reader = csv.DictReader(handle)
            columns = {name.strip(): name for name in reader.fieldnames or []}
            if "File" not in columns or not {"NEF", "TIFF"} & columns.keys():
                raise DataError(f"{path}: no columns File and NEF or TIFF in its first line; is it RAISE's CSV list?")
            return [_row(row, columns, path, reader.line_num) for row in reader]
    except (OSError, csv.Error) as error:
        raise DataError(
            f"{path}: cannot be read ({error})\n"
            "Get the list from http://loki.disi.unitn.it/RAISE/download.html (it asks for your agreement)"
        ) from error


def _row(row: dict[str, str | None], columns: dict[str, str], path: Path, line: int) -> RaiseRow:
    name = (row[columns["File"]] or "").strip()
    # The name becomes a path here: nothing from a list may lead out of the folder.
    if not _NAME.fullmatch(name):
        raise DataError(f"{path}:{line}: {name[:60]!r} is no name of a RAISE photograph")
    nef, tiff = ((row[columns[key]] or "").strip() if key in columns else "" for key in ("NEF", "TIFF"))
    return RaiseRow(name.removesuffix(".NEF").removesuffix(".TIF"), nef, tiff)
