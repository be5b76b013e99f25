"""``metrics.csv``: losses and figures by batch, written however the run is logged elsewhere."""

from __future__ import annotations

import contextlib
import csv
import io
import time
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from dlic_datamodules.files import write_file
from dlic_registry import DlicError

# Seconds between two writings: the whole file is written each time.
_EVERY = 10.0


class MetricsFile(Logger):
    """A logger that keeps one row a batch and survives resuming: rows after the resumed batch are dropped."""

    def __init__(self, path: Path, start: int = 0) -> None:
        """Opens the file.

        Args:
            path: The CSV file.
            start: Batches done before; later rows of an earlier attempt are dropped.
        """
        super().__init__()
        self.path = path
        self._saved = time.monotonic()
        self._fresh = False
        self.rows: dict[int, dict[str, Any]] = {}
        if start and path.is_file():
            try:
                self._take(start)
            except (LookupError, TypeError, ValueError, csv.Error) as error:
                what = "It holds what no run writes. Move it away: the run goes on, and begins it anew."
                raise DlicError(f"{path}: is damaged.\n{what}") from error

    def _take(self, start: int) -> None:
        with self.path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream, strict=True)
            if "step" not in (reader.fieldnames or ["step"]):
                raise ValueError("no column of steps")
            for row in reader:
                if None in row:
                    raise ValueError("more fields than columns")
                if int(row["step"]) <= start:
                    self.rows[int(row["step"])] = {k: v for k, v in row.items() if v != "" and k != "step"}

    @property
    def name(self) -> str:
        """Name of the logger."""
        return "metrics"

    @property
    def version(self) -> str:
        """Version: none."""
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Takes figures of a batch (counted from 0, as Lightning does)."""
        kept = {key: value for key, value in metrics.items() if key != "epoch"}
        if kept:
            self.rows.setdefault((step or 0) + 1, {}).update(kept)
            self._fresh = True

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Recipes lie beside the file already."""

    def save(self) -> None:
        """Writes the file, if it was not written within the last seconds."""
        if time.monotonic() - self._saved > _EVERY:
            self.flush()

    @rank_zero_only
    def flush(self) -> None:
        """Writes the file, whole or not at all, if there is anything new: an attempt that fails changes nothing."""
        self._saved = time.monotonic()
        if not self._fresh:
            return
        self._fresh = False
        columns = sorted({key for row in self.rows.values() for key in row})
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, ["step", *columns])
        writer.writeheader()
        writer.writerows({"step": step, **row} for step, row in sorted(self.rows.items()))
        write_file(self.path, text.getvalue().encode())

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Writes what is left; where a training has failed, perhaps of a full disk, only if that works."""
        with contextlib.suppress(*([] if status == "success" else [DlicError])):
            self.flush()
