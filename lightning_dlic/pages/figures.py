"""The table of final figures: what was trained under what does the task without it, set by set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lightning_dlic.pages.curves import COLORS
from lightning_dlic.pages.html import Html, number, table, tag
from lightning_dlic.pages.runs import RunRecord

Row = list[str | Html]


def figures(runs: Sequence[RunRecord]) -> Html:
    """A table for each validation set that a run names, or one."""
    sets = list(dict.fromkeys(name for run in runs for name in run.sets))
    blocks = [block for name in sets for block in _one_set(runs, name, titled=len(sets) > 1)]
    if not blocks:
        blocks = [tag("p", "None yet: no run has ended.", class_="hint")]
    return tag("section", tag("h2", "Figures"), *blocks)


def mark(index: int) -> Html:
    """A run's colour."""
    return tag("span", class_=f"run c{index % COLORS}")


def told(value: float | None) -> str:
    """A figure, or a dash where there is none."""
    return "–" if value is None else number(value)


def _one_set(runs: Sequence[RunRecord], of: str, titled: bool) -> list[Html]:
    names = list(dict.fromkeys(name for run in runs for name in run.figures("net", of)))
    if not names:
        return []
    rows: list[Row] = []
    before: dict[str, dict[str, float]] = {}
    for index, run in enumerate(runs):
        net = run.figures("net", of)
        if not net:
            continue
        plain = {"baseline": run.figures("baseline", of), "initial": run.figures("initial", of)}
        labels = {"baseline": str(run.result.get("baseline") or "baseline"), "initial": "initial weights"}
        # What is the same for the next run need not stand there again.
        fresh = [which for which, values in plain.items() if values and values != before.get(which)]
        rows += [[labels[which], *(told(plain[which].get(name)) for name in names)] for which in fresh]
        before = plain
        label = tag("span", mark(index), run.name) if len(runs) > 1 else "trained"
        start = plain["initial"] or plain["baseline"]
        rows.append([label, *(_gained(net.get(name), start.get(name)) for name in names)])
    counts = sorted({str(_pictures(run.sets.get(of))) for run in runs if run.figures("net", of)})
    words = f"Means over {' or '.join(counts)} validation pictures; in brackets the gain."
    title = [tag("h3", of)] if titled else []
    return [*title, table(["", *names], rows), tag("p", words, class_="hint")]


def _pictures(found: Mapping[str, object] | None) -> object:
    return "?" if found is None else found.get("pictures", "?")


def _gained(value: float | None, before: float | None) -> Html:
    if value is None:
        return tag("span", "–")
    if before is None:
        return tag("b", number(value))
    gain = value - before
    small = tag("small", f"({gain:+.4f})" if abs(gain) < 0.1 else f"({gain:+.2f})")
    return tag("span", tag("b", number(value)), " ", small)
