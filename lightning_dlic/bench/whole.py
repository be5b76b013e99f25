"""Figures of a codec's files as a set, such as Frechet distances, by the pictures that a benchmark kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning_dlic.bench.bench import kept_name, tensor
from lightning_dlic.pipeline.pictures import load_picture

if TYPE_CHECKING:
    from lightning_dlic.metrics.named import NamedMetric

Record = dict[str, Any]


def add_whole(
    summary: Iterable[Record], records: Sequence[Record], metrics: Sequence[NamedMetric], chooser: str, folder: Path
) -> None:
    """Adds figures of whole sets to a summary's rows.

    Args:
        summary: Rows, each of a codec and a budget; those that missed a budget are left as they are.
        records: What was measured, each with the file of its picture.
        metrics: Those that judge a set as a whole.
        chooser: The metric whose best files are the set.
        folder: Where pictures and originals are kept.
    """
    for row in summary:
        if not row["missed"]:
            mine = (r for r in records if (r["codec"], r["budget"]) == (row["codec"], row["budget"]))
            chosen = {record["picture"]: record["file"] for record in mine if chooser in record["best_by"]}
            row.update(_judged(chosen, metrics, folder))


def _judged(chosen: Mapping[str, str], metrics: Sequence[NamedMetric], folder: Path) -> dict[str, float]:
    gathered = {metric.name: metric.gathering() for metric in metrics}
    for picture, file in chosen.items():
        pair = [tensor(load_picture(folder / name)) for name in (file, kept_name(picture, "original"))]
        for each in gathered.values():
            each.add(*pair)
    return {name: each.value for name, each in gathered.items()}
