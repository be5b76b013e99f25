"""The end of a run: final figures beside the baseline's, as JSON and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from dlic_datamodules.files import write_file
from dlic_datamodules.validation import OWN
from dlic_registry.terminal import printable
from lightning_dlic.metrics.protocol import summarize
from lightning_dlic.metrics.strict_json import strict_json
from lightning_dlic.stages.base import Batch, Stage
from lightning_dlic.versions import versions


@dataclass(frozen=True)
class Figures:
    """Means over pictures.

    Attributes:
        pictures: How many.
        net: The trained network's.
        baseline: Those of doing the task without one.
        initial: Those of a chain with the weights that it started from, where there are such.
    """

    pictures: int
    net: dict[str, float]
    baseline: dict[str, float]
    initial: dict[str, float] | None = None


@torch.inference_mode()
def measure(stage: Stage, batches: Iterable[Batch], initial: Stage | None = None) -> dict[str, Figures]:
    """Scores a stage and its baseline on whole pictures.

    Args:
        stage: The stage, in evaluation mode, on its device.
        batches: One picture each.
        initial: The same as it was before its training, alike.

    Returns:
        The figures by the name of their set.
    """
    rows: dict[str, list[tuple[dict[str, float], ...]]] = {}
    for batch in batches:
        inputs, target = stage.task({k: v.to(stage.device) if torch.is_tensor(v) else v for k, v in batch.items()})
        made = [stage(inputs), stage.baseline(inputs), *([] if initial is None else [initial(inputs)])]
        scores = tuple(stage.figures(inputs, output, target) for output in made)
        rows.setdefault(batch.get("set", OWN), []).append(scores)
    return {
        name: Figures(len(scores), *(summarize(row[which] for row in scores) for which in range(len(scores[0]))))
        for name, scores in rows.items()
    }


def write_result(path: Path, figures: Figures, facts: dict[str, Any], sets: Mapping[str, Figures]) -> None:
    """Writes ``result.json``, whole or not at all.

    Args:
        path: The file.
        figures: What was measured.
        facts: Everything else that it states.
        sets: Figures by the name of their set, where there are named ones.
    """
    by_name = {"sets": {name: asdict(each) for name, each in sets.items()}} if set(sets) - {OWN} else {}
    made_by = versions("pytorch-lightning", "torchmetrics")
    text = strict_json({**facts, "figures": asdict(figures), **by_name, "versions": made_by}, indent=2)
    write_file(path, (text + "\n").encode())


def print_table(figures: Figures, title: str, baseline: str = "baseline") -> None:
    """Prints the figures for people; the gain is over the weights that the training started from, where there are such.

    Args:
        figures: What was measured.
        title: Of the table.
        baseline: What does the task without a network.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Text, because a name may hold what rich would read as markup.
    table = Table(title=Text(printable(title)))
    table.add_column("")
    for name in figures.net:
        table.add_column(Text(printable(name)), justify="right")
    rows = {baseline: figures.baseline, "initial weights": figures.initial, "trained": figures.net}
    for label, row in rows.items():
        if row is not None:
            table.add_row(Text(printable(label)), *(_number(row[name]) for name in figures.net))
    before = figures.initial or figures.baseline
    gain = {name: figures.net[name] - before[name] for name in figures.net}
    table.add_row("gain", *(f"{value:+.4f}" if abs(value) < 0.1 else f"{value:+.2f}" for value in gain.values()))
    Console().print(table)


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.2f}"
