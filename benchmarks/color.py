"""Measures networks for colour beside their floors and prints JSON, for the zoo's cards and docs/how-it-works.

    DLIC_DATA=... python benchmarks/color.py NET [--every 5] [--hints none,grid-small,...]

NET is a name of the zoo or a weights file. Means over imagenet/valid and kodak under the true luma: of each
`--zero-every`-th picture for colour without hints, of each `--every`-th for colour with hints; floors on the same
pictures in the same run.
Networks that classify colours are measured twice: by expectation, and rebalanced (.5) at a temperature of .38.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlic_datamodules.places import place
from lightning_dlic.measure.colorings import Way, floors, networks, parse_hints
from lightning_dlic.measure.colorization import evaluate_color
from lightning_dlic.measure.sets import TestSet, open_set
from lightning_dlic.metrics.named import NamedMetric, open_metrics
from lightning_dlic.nets.colorization.bins import BinNet
from lightning_dlic.operators.colorizer import Colorizer
from lightning_dlic.zoo import load_net

PRESETS = "grid-small,segmentation-small,grid-large,segmentation-large"
SETS = {"imagenet_valid": "imagenet/valid", "kodak": "benchmarks/kodak"}
TEMPERATURE, REBALANCE = 0.38, 0.5


def thinned(data: TestSet, every: int) -> TestSet:
    """Each so-manieth picture of a set."""
    return replace(data, files=data.files[::every])


def measure(ways: list[Way], data: TestSet, metrics: list[NamedMetric]) -> dict[str, dict[str, float]]:
    """Figures of each way on a set, by ``target hints``."""
    rows = evaluate_color(ways, [data], decoded=None, metrics=metrics)
    return {f"{row.target} {row.hints}": {k: round(v, 4) for k, v in row.figures.items()} for row in rows}


def zero_cost(colorizer: Colorizer, data: TestSet, metrics: list[NamedMetric]) -> dict[str, dict[str, float]]:
    """Colour without hints beside none at all."""
    none, net = parse_hints("none"), colorizer.net
    found = measure([*floors("grey", none), *networks("net", colorizer, none)], data, metrics)
    if isinstance(net, BinNet):
        usual = net.temperature, net.rebalance
        net.temperature, net.rebalance = TEMPERATURE, REBALANCE
        found |= measure(networks("net vivid", colorizer, none), data, metrics)
        net.temperature, net.rebalance = usual
    return found


def summary(zero: dict[str, dict[str, float]], hinted: dict[str, dict[str, float]]) -> dict[str, float]:
    """What a card says: PSNR-RGB of each way."""
    found = {f"{name.removesuffix(' none').replace(' ', '_')}_psnr_rgb": row["psnr_rgb"] for name, row in zero.items()}
    return found | {f"{name.replace(' ', '_')}_psnr_rgb": row["psnr_rgb"] for name, row in hinted.items()}


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("net")
    parser.add_argument("--every", type=int, default=5, help="take each n-th picture for colour with hints")
    parser.add_argument("--zero-every", type=int, default=1, help="the same for colour without hints")
    parser.add_argument("--hints", default=PRESETS, help="with commas; empty for none")
    options = parser.parse_args()
    source = options.net if Path(options.net).is_file() else f"zoo:{options.net.removeprefix('zoo:')}"
    colorizer, metrics = Colorizer("net", *load_net(source)), open_metrics(["psnr_rgb", "lpips"])
    asked = parse_hints(options.hints) if options.hints and colorizer.net.takes_hints else []
    report: dict[str, Any] = {"net": options.net, "every": options.every, "figures": {}, "rows": {}}
    for name, folder in SETS.items():
        data = open_set(place(None, folder))
        zero_set = thinned(data, options.zero_every)
        zero = zero_cost(colorizer, zero_set, metrics)
        ways = [way for one in asked for way in (*floors("floor", [one]), *networks("net", colorizer, [one]))]
        few = thinned(data, options.every)
        hinted = measure(ways, few, metrics) if ways else {}
        report["figures"][name] = summary(zero, hinted)
        counts = {"pictures": len(zero_set.files), "hinted_pictures": len(few.files)}
        report["rows"][name] = {**counts, "zero": zero, "hinted": hinted}
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
