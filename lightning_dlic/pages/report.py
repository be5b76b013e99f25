"""A report of runs beside each other: figures, curves, samples over time, recipes and where they differ."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from PIL import Image

from lightning_dlic.pages.curves import Curve, chart
from lightning_dlic.pages.figures import figures, mark, told
from lightning_dlic.pages.html import Html, embedded, number, page, table, tag
from lightning_dlic.pages.runs import RunRecord, flat

# Batches of each picture that a report holds, spread evenly; a page of hundreds would not open.
_MOST_STEPS = 24
_HIGHER = ("psnr", "ssim", "ms_ssim")
_LOWER = ("lpips", "loss", "mse", "l1", "fd", "bits")


def report(runs: Sequence[RunRecord]) -> bytes:
    """A page of HTML in one file.

    Args:
        runs: At least one; those of several stand beside each other, each in a colour of its own.
    """
    title = runs[0].name if len(runs) == 1 else f"{len(runs)} runs beside each other"
    samples, shown = _samples(runs)
    steps = sorted({step for made in shown.values() for step, _ in made})
    body = [_overview(runs), figures(runs), _curves(runs), *([samples] if steps else []), _recipes(runs)]
    data = {"steps": steps, "samples": shown}
    return page(title, *body, script="report.js", data=data)


def _overview(runs: Sequence[RunRecord]) -> Html:
    rows: list[list[str | Html]] = []
    for index, run in enumerate(runs):
        state = "ended" if run.result else "has not ended"
        if run.result.get("stopped"):
            state = f"stopped: {run.result['stopped']}"
        name = tag("span", *([mark(index)] if len(runs) > 1 else []), run.name)
        seconds, parameters = run.result.get("seconds"), run.result.get("parameters")
        rows.append([name, _stage(run), f"{run.batches:,}", told(parameters), _duration(seconds), state])
    head = ["run", "trains", "batches", "parameters", "time", "state"]
    return tag("section", table(head, rows))


def _duration(seconds: Any) -> str:
    if not isinstance(seconds, int | float):
        return "–"
    minutes = seconds / 60
    return f"{seconds:.0f} s" if seconds < 120 else f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _stage(run: RunRecord) -> str:
    stages = run.recipe.get("stages")
    if not isinstance(stages, dict):
        return "–"
    trained = run.recipe.get("train")
    kinds = trained if isinstance(trained, list) else [trained]
    named = [f"{kind}: {spec.get('name')}" for kind, spec in stages.items() if kind in kinds and isinstance(spec, dict)]
    return ", ".join(named) or "–"


def _curves(runs: Sequence[RunRecord]) -> Html:
    """A chart for each column: validations first, then losses, then rates."""
    columns = list(dict.fromkeys(key for run in runs for key in run.curves))
    columns.sort(key=lambda key: ([*("val/", "train/"), key[:4]].index(_group(key)), key))
    charts = [_chart(key, runs) for key in columns]
    if not charts:
        return tag("section", tag("h2", "Curves"), tag("p", "None yet.", class_="hint"))
    words = "Over batches. Losses are drawn with a running mean."
    return tag("section", tag("h2", "Curves"), tag("div", *charts, class_="grid"), tag("p", words, class_="hint"))


def _group(key: str) -> str:
    return next((group for group in ("val/", "train/") if key.startswith(group)), key[:4])


def _chart(key: str, runs: Sequence[RunRecord]) -> Html:
    metric, train = key.rpartition("/")[2], key.startswith("train/")
    of = key.removeprefix("val/").removesuffix(metric).rstrip("/")
    curves = []
    for index, run in enumerate(runs):
        if key in run.curves:
            baseline = run.figures("baseline", of).get(metric) if key.startswith("val/") else None
            curves.append(Curve(run.name if len(runs) > 1 else "last", run.curves[key], index, train, baseline))
    return chart(key, curves, _better(metric) if key.startswith("val/") else None)


def _better(metric: str) -> bool | None:
    if metric.startswith(_HIGHER):
        return True
    return False if metric.startswith(_LOWER) else None


def _samples(runs: Sequence[RunRecord]) -> tuple[Html, dict[str, list[tuple[int, str]]]]:
    """Pictures by run and number, and what the slider chooses from."""
    shown: dict[str, list[tuple[int, str]]] = {}
    shots = []
    for number_ in sorted({each for run in runs for each in run.samples}):
        for index, run in enumerate(runs):
            made = _embedded(run, number_)
            if not made:
                continue
            key = f"{index}-{number_}"
            shown[key] = made
            image = tag("img", alt=f"Sample {number_} of {run.name}", data_sample=key, src=made[-1][1])
            title = tag("strong", *([mark(index), run.name, ", "] if len(runs) > 1 else []), f"sample {number_}")
            shots.append(tag("figure", image, tag("figcaption", title, tag("span", data_at=""))))
    steps = len({step for made in shown.values() for step, _ in made})
    slider = tag(
        "input", type="range", id="step", min=0, max=max(0, steps - 1), value=max(0, steps - 1), aria_label="Batch"
    )
    words = "Left to right: without the network, the network's output, the original (colour: also without hints)."
    block = tag(
        "section",
        tag("h2", "Samples over time"),
        tag("div", slider, tag("output", id="step-words", for_="step"), class_="slide"),
        tag("div", *shots, class_="samples"),
        tag("p", f"{words} Packed as WebP.", class_="hint"),
    )
    return block, shown


def _embedded(run: RunRecord, sample: int) -> list[tuple[int, str]]:
    steps = list(run.samples.get(sample, {}).items())
    if len(steps) > _MOST_STEPS:
        last = len(steps) - 1
        steps = [steps[round(last * index / (_MOST_STEPS - 1))] for index in range(_MOST_STEPS)]
    made = []
    for step, path in steps:
        try:
            with Image.open(path) as image:
                made.append((step, embedded(image.convert("RGB"), "WEBP", quality=90)))
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            warnings.warn(f"{path}: left out ({error})", stacklevel=2)
    return made


def _recipes(runs: Sequence[RunRecord]) -> Html:
    blocks: list[Html] = []
    if len(runs) > 1:
        trees = [flat(run.recipe) for run in runs]
        keys = list(dict.fromkeys(key for tree in trees for key in tree))
        missing = object()
        other = [key for key in keys if any(tree.get(key, missing) != trees[0].get(key, missing) for tree in trees)]
        rows: list[list[str | Html]] = [[key, *(_value(tree, key) for tree in trees)] for key in other]
        words = "The recipes are the same."
        blocks.append(table(["key", *(run.name for run in runs)], rows) if rows else tag("p", words, class_="hint"))
    for run in runs:
        blocks.append(tag("details", tag("summary", f"Recipe of {run.name}"), tag("pre", run.text)))
    for title in ("Protocol", "Versions"):
        facts = next((found for run in runs if isinstance(found := run.result.get(title.lower()), dict)), None)
        if facts:
            lines = "\n".join(f"{key}: {value}" for key, value in facts.items())
            blocks.append(tag("details", tag("summary", title), tag("pre", lines)))
    return tag("section", tag("h2", "Recipe" if len(runs) == 1 else "Where the recipes differ"), *blocks)


def _value(tree: dict[str, Any], key: str) -> str:
    return number(tree[key]) if key in tree else "–"
