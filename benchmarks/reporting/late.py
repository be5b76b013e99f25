"""Figures too dear for every file that a search looks at: of the files that are best by the first metric."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from lightning_dlic.bench.bench import kept_name, tensor
from lightning_dlic.metrics.named import NamedMetric
from lightning_dlic.pipeline.pictures import load_picture

Record = dict[str, Any]


def add_late(
    summary: Iterable[Record], records: Sequence[Record], metrics: Sequence[NamedMetric], chooser: str, folder: Path
) -> None:
    """Adds metrics of single pictures to the records that a metric chose, and their means to the summary.

    Args:
        summary: Rows, each of a codec and a budget; those that missed a budget are left as they are.
        records: What was measured, each with the file of its picture.
        metrics: Which to add.
        chooser: The metric whose best files are judged.
        folder: Where pictures and originals are kept.
    """
    for row in summary:
        of_row = (r for r in records if (r["codec"], r["budget"]) == (row["codec"], row["budget"]))
        chosen = [record for record in of_row if chooser in record["best_by"]]
        for metric in metrics:
            for record in chosen:
                files = record["file"], kept_name(record["picture"], "original")
                value = metric(*(tensor(load_picture(folder / name)) for name in files))
                if value is not None:
                    record[metric.name] = value
            values = [record[metric.name] for record in chosen if metric.name in record]
            if not row["missed"] and len(values) == len(chosen):
                row[metric.name] = fmean(values)
