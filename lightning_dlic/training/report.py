"""The end of a run: final figures beside the baseline's, as JSON and as a table."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from dlic_datamodules.files import write_file
from dlic_datamodules.validation import OWN
from dlic_registry.terminal import printable
from lightning_dlic.metrics.protocol import summarize
from lightning_dlic.metrics.strict_json import strict_json
from lightning_dlic.stages.base import Batch, Stage

_PACKAGES = ("lightning-dlic", "torch", "pytorch-lightning", "torchmetrics", "numpy", "pillow")


@dataclass(frozen=True)
class Figures:
    """Means over pictures.

    Attributes:
        pictures: How many.
        net: The trained network's.
        baseline: Those of doing the task without one.
    """

    pictures: int
    net: dict[str, float]
    baseline: dict[str, float]


@torch.inference_mode()
def measure(stage: Stage, batches: Iterable[Batch]) -> dict[str, Figures]:
    """Scores a stage and its baseline on whole pictures.

    Args:
        stage: The stage, in evaluation mode, on its device.
        batches: One picture each.

    Returns:
        The figures by the name of their set.
    """
    rows: dict[str, list[tuple[dict[str, float], dict[str, float]]]] = {}
    for batch in batches:
        inputs, target = stage.task({k: v.to(stage.device) if torch.is_tensor(v) else v for k, v in batch.items()})
        scores = stage.score(inputs, stage(inputs), target), stage.score(inputs, stage.baseline(inputs), target)
        rows.setdefault(batch.get("set", OWN), []).append(scores)
    return {
        name: Figures(len(scores), summarize(net for net, _ in scores), summarize(baseline for _, baseline in scores))
        for name, scores in rows.items()
    }


def versions() -> dict[str, str]:
    """Versions of what a figure depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def write_result(path: Path, figures: Figures, facts: dict[str, Any], sets: Mapping[str, Figures]) -> None:
    """Writes ``result.json``, whole or not at all.

    Args:
        path: The file.
        figures: What was measured.
        facts: Everything else that it states.
        sets: Figures by the name of their set, where there are named ones.
    """
    by_name = {"sets": {name: asdict(each) for name, each in sets.items()}} if set(sets) - {OWN} else {}
    text = strict_json({**facts, "figures": asdict(figures), **by_name, "versions": versions()}, indent=2)
    write_file(path, (text + "\n").encode())


def print_table(figures: Figures, title: str) -> None:
    """Prints the figures for people."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Text, because a name may hold what rich would read as markup.
    table = Table(title=Text(printable(title)))
    table.add_column("")
    for name in figures.net:
        table.add_column(Text(printable(name)), justify="right")
    for label, row in (("baseline", figures.baseline), ("trained", figures.net)):
        table.add_row(label, *(_number(row[name]) for name in figures.net))
    gain = {name: figures.net[name] - figures.baseline[name] for name in figures.net}
    table.add_row("gain", *(f"{value:+.4f}" if abs(value) < 0.1 else f"{value:+.2f}" for value in gain.values()))
    Console().print(table)


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.2f}"
