"""Two reports of `dlic eval` beside each other, picture by picture: paired differences with bootstrap intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlic_registry import DlicError, did_you_mean
from lightning_dlic.metrics.terms import counted

RESAMPLES = 10_000
LEVEL = 0.95
# Labels that tell targets apart rather than what they were measured on.
_OWN_LABELS = ("target", "figures", "pictures", "seconds_per_megapixel", "net", "m")


@dataclass(frozen=True)
class Difference:
    """How two targets differ in one figure on one set, the second less the first.

    Attributes:
        data: The set.
        labels: What else they were measured at, such as the scale.
        first: Target of the first report.
        second: Target of the second.
        figure: Name of the figure.
        pictures: Pictures that both have the figure of.
        means: Of the figure, first and second, over these pictures.
        difference: Mean of the differences.
        low: Lower end of the interval.
        high: Upper end.
        above: Share of pictures on which the second has the larger value; equal ones count half.
    """

    data: str
    labels: dict[str, Any]
    first: str
    second: str
    figure: str
    pictures: int
    means: tuple[float, float]
    difference: float
    low: float
    high: float
    above: float

    @property
    def apart(self) -> bool:
        """Whether the interval leaves out nought."""
        return self.low > 0 or self.high < 0

    def record(self) -> dict[str, Any]:
        """Plain types for a report."""
        return {**asdict(self), "means": list(self.means)}


def read_results(path: Path) -> dict[str, Any]:
    """Reads a report that `dlic eval --json` wrote.

    Raises:
        DlicError: It cannot be read, or is none.
    """
    try:
        report: Any = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise DlicError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise DlicError(f"{path}: not a report of dlic eval --json (no JSON: {str(error)[:100]})") from error
    rows = report.get("results") if isinstance(report, dict) else None
    if not isinstance(rows, list) or not isinstance(report.get("data"), dict) or not all(map(_is_row, rows)):
        raise DlicError(f"{path}: not a report of dlic eval --json")
    return dict(report)


def _is_row(row: Any) -> bool:
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in ("data", "target")):
        return False
    pictures = row.get("pictures")
    return isinstance(pictures, dict) and all(
        isinstance(figures, dict)
        and all(value is None or (isinstance(value, int | float) and value == value) for value in figures.values())
        for figures in pictures.values()
    )


def compare(paths: Sequence[Path], targets: Sequence[str] = ()) -> list[Difference]:
    """Compares two reports.

    Args:
        paths: Two reports; they may be the same one.
        targets: Target of the first report and of the second, or one of that name in both; where there are none,
            targets of one name are compared, or the only ones.

    Returns:
        A difference for each set, label, pair of targets and figure.

    Raises:
        DlicError: A report cannot be read, a target is not in it, the two did not measure the same pictures, or nothing
            says which targets to compare.
    """
    reports = [read_results(path) for path in paths]
    shared = _same_pictures(paths, reports)
    pairs = _pairs(paths, reports, targets)
    found = [
        difference
        for first, second in pairs
        for a in _rows(reports[0], first, shared)
        for b in _rows(reports[1], second, shared)
        if a["data"] == b["data"] and _labels(a) == _labels(b)
        for difference in _differences(a, b)
    ]
    if not found:
        raise DlicError(f"{paths[0]} and {paths[1]}: no figures of the same set, measured in the same way")
    return found


def _same_pictures(paths: Sequence[Path], reports: Sequence[Mapping[str, Any]]) -> set[str]:
    """Sets that both measured."""
    first, second = (report["data"] for report in reports)
    shared = set(first) & set(second)
    if not shared:
        told = " and ".join(
            f"{path} has {', '.join(report['data'])}" for path, report in zip(paths, reports, strict=True)
        )
        raise DlicError(f"no set is in both reports: {told}")
    for name in sorted(shared):
        for key in ("sha256", "trim"):
            if first[name].get(key) != second[name].get(key):
                raise DlicError(f"{paths[0]} and {paths[1]} measured other pictures as {name} (its {key} differs)")
    return shared


def _pairs(
    paths: Sequence[Path], reports: Sequence[Mapping[str, Any]], targets: Sequence[str]
) -> list[tuple[str, str]]:
    known = [list(dict.fromkeys(row["target"] for row in report["results"])) for report in reports]
    if targets:
        pair = (targets[0], targets[-1])
        for path, names, wanted in zip(paths, known, pair, strict=True):
            if wanted not in names:
                raise DlicError(
                    f"{path}: has no target {wanted!r}.{did_you_mean(wanted, names)} It has {', '.join(names)}."
                )
        return [pair]
    if all(len(names) == 1 for names in known):
        return [(known[0][0], known[1][0])]
    same = [(name, name) for name in known[0] if name in known[1]]
    if not same or reports[0] == reports[1]:
        told = " and ".join(f"{path} has {', '.join(names)}" for path, names in zip(paths, known, strict=True))
        raise DlicError(f"which targets? {told}\nName them: dlic eval FIRST SECOND --compare {paths[0]} {paths[1]}")
    return same


def _rows(report: Mapping[str, Any], target: str, shared: set[str]) -> Iterator[Mapping[str, Any]]:
    return (row for row in report["results"] if row["target"] == target and row["data"] in shared)


def _labels(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in row.items()
        if name not in (*_OWN_LABELS, "data") and not isinstance(value, dict | list)
    }


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    names = {name: None for row in (a, b) for figures in row["pictures"].values() for name in figures}
    for name in names:
        both = [
            (_value(name, a["pictures"][key]), _value(name, b["pictures"][key]))
            for key in a["pictures"]
            if all(name in row["pictures"].get(key, {}) for row in (a, b))
        ]
        values = np.array([pair for pair in both if all(map(math.isfinite, pair))], np.float64)
        if not values.size:
            continue
        apart = values[:, 1] - values[:, 0]
        low, high = interval(apart)
        above = float(np.mean((apart > 0) + 0.5 * (apart == 0)))
        first, second = (float(mean) for mean in values.mean(axis=0))
        found = (name, len(values), (first, second), float(apart.mean()), low, high, above)
        yield Difference(a["data"], _labels(a), a["target"], b["target"], *found)


def _value(name: str, figures: Mapping[str, Any]) -> float:
    # JSON has no infinity: a picture that was met exactly has null for its PSNR.
    return counted(name, math.inf if figures[name] is None else float(figures[name]))


def interval(differences: NDArray[np.float64], level: float = LEVEL, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Bootstrap interval of a mean: percentiles of the means of resampled pictures, drawn from a fixed seed.

    Args:
        differences: One a picture.
        level: Share of the means that lie inside.
        resamples: How many means.

    Example:
        >>> interval(np.array([1.0, 1.0, 1.0]))
        (1.0, 1.0)
    """
    draw, count = np.random.default_rng(0), len(differences)
    # So many at a time that they take some megabytes, however many pictures there are.
    block = max(1, 1_000_000 // count)
    means = [
        differences[draw.integers(count, size=(min(block, resamples - start), count))].mean(axis=1)
        for start in range(0, resamples, block)
    ]
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
