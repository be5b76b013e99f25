"""A set's new measurements beside those that are kept."""

from __future__ import annotations

from typing import Any

from lightning_dlic.bench.bench import bd_rates

Part = dict[str, Any]
# BD-rates want a curve: fewer points than these are none.
POINTS = 4


def merged(old: Part | None, new: Part) -> Part:
    """The part with rows and budgets of `new` in the place of their like in `old`.

    Measurements of other pictures are not comparable: of such an `old` nothing is kept.

    Args:
        old: What is kept, if anything.
        new: What was measured now.
    """
    if old is None or old["pictures"] != new["pictures"]:
        old = {"stamps": {}, "summary": [], "records": []}
    fresh = {(row["codec"], row["budget"]) for row in new["summary"]}
    part = {"pictures": new["pictures"], "metrics": new["metrics"], "stamps": {**old["stamps"], **new["stamps"]}}
    for name in ("summary", "records"):
        part[name] = [row for row in old[name] if (row["codec"], row["budget"]) not in fresh] + new[name]
    part["summary"].sort(key=lambda row: row["budget"])
    part["budgets"] = sorted({row["budget"] for row in part["summary"]})
    if len({row["budget"] for row in part["summary"] if row["codec"] == "ours"}) >= POINTS:
        single = [metric for metric in new["metrics"] if any(metric in record for record in part["records"])]
        part["bd_rate"] = bd_rates(part["records"], "ours", single)
    return part
