"""What a run's folder holds, read without torch and without trusting that it is whole."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dlic_registry import DlicError
from lightning_dlic.bounded_yaml import MISREAD, read_text

_SAMPLE = re.compile(r"(\d+)-step-(\d+)\.png")
_OWN = "valid"
_RECIPE, _METRICS, _RESULT, _SAMPLES = "recipe.yaml", "metrics.csv", "result.json", "samples"


@dataclass(frozen=True)
class RunRecord:
    """One run.

    Attributes:
        folder: Where it lies.
        name: What tables call it.
        recipe: As resolved.
        text: The same as it is written.
        curves: Batch and value by column of its metrics.
        result: Final figures and what belongs to them; empty where it has not ended.
        samples: Pictures by number and batch.
    """

    folder: Path
    name: str
    recipe: Mapping[str, Any]
    text: str
    curves: Mapping[str, list[tuple[float, float]]]
    result: Mapping[str, Any] = field(default_factory=dict)
    samples: Mapping[int, Mapping[int, Path]] = field(default_factory=dict)

    @property
    def batches(self) -> int:
        """How far it has come."""
        told = self.result.get("batches")
        return told if isinstance(told, int) else int(max((c[-1][0] for c in self.curves.values()), default=0))

    @property
    def sets(self) -> dict[str, Mapping[str, Any]]:
        """Final figures by the name of their set; the empty one where sets have no names."""
        found = self.result.get("sets")
        named = found if isinstance(found, Mapping) else {"": self.result.get("figures")}
        return {str(name): values for name, values in named.items() if isinstance(values, Mapping)}

    def figures(self, which: str, of: str = "") -> dict[str, float]:
        """Final figures of a set: ``net``, ``baseline`` or ``initial``; empty where there are none."""
        found = self.sets
        # A run's own set has a name beside others only.
        values = found.get(of or (_OWN if _OWN in found else ""), {}).get(which)
        return {k: float(v) for k, v in values.items() if _finite(v)} if isinstance(values, Mapping) else {}


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """The folders of runs; a folder that holds some stands for all of them, by name.

    Raises:
        DlicError: One of the paths is no run and holds none.
    """
    found: list[Path] = []
    for path in paths:
        if (path / _RECIPE).is_file():
            inside = [path]
        else:
            inside = sorted(each for each in path.iterdir() if (each / _RECIPE).is_file()) if path.is_dir() else []
        if not inside:
            raise DlicError(f"{path}: not a run's folder: it has no {_RECIPE}, and no folder in it has one")
        found += inside
    return list(dict.fromkeys(found))


def read_run(folder: Path) -> RunRecord:
    """Reads a run.

    Raises:
        DlicError: A file of it cannot be understood; the message names it.
    """
    path = folder / _RECIPE
    try:
        text = read_text(path)
        recipe = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, *MISREAD) as error:
        raise DlicError(f"{path}: cannot be understood ({_first(error)})") from error
    if not isinstance(recipe, dict):
        raise DlicError(f"{path}: no recipe: it holds no mapping")
    full = folder.resolve()
    name = f"{full.parent.name}/{full.name}"
    return RunRecord(folder, name, recipe, text, _curves(folder / _METRICS), _result(folder), _samples(folder))


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _curves(path: Path) -> dict[str, list[tuple[float, float]]]:
    if not path.is_file():
        return {}
    found: dict[str, list[tuple[float, float]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                step = int(row["step"])
                for key, text in row.items():
                    if key != "step" and text and math.isfinite(value := float(text)):
                        found.setdefault(key, []).append((step, value))
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise DlicError(f"{path}: cannot be understood ({_first(error)})") from error
    return {key: sorted(points) for key, points in sorted(found.items())}


def _result(folder: Path) -> dict[str, Any]:
    path = folder / _RESULT
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DlicError(f"{path}: cannot be understood ({_first(error)})") from error
    if not isinstance(found, dict):
        raise DlicError(f"{path}: no result: it holds no mapping")
    return found


def _samples(folder: Path) -> dict[int, dict[int, Path]]:
    found: dict[int, dict[int, Path]] = {}
    for path in sorted((folder / _SAMPLES).glob("*.png")):
        match = _SAMPLE.fullmatch(path.name)
        if match:
            found.setdefault(int(match[1]), {})[int(match[2])] = path
    return {number: dict(sorted(steps.items())) for number, steps in sorted(found.items())}


def flat(value: Any, key: str = "") -> dict[str, Any]:
    """A tree of mappings as one, by dotted keys.

    Example:
        >>> flat({"optim": {"net": {"lr": 0.1}}, "train": ["sr"]})
        {'optim.net.lr': 0.1, 'train': ['sr']}
    """
    if not isinstance(value, Mapping) or not value:
        return {key: value}
    return {k: v for name, item in value.items() for k, v in flat(item, f"{key}.{name}" if key else str(name)).items()}
