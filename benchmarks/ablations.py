"""What each part of the decoder's training is worth: short trainings from the same weights, with it and without. JSON.

    DLIC_DATA=... python benchmarks/ablations.py [--minutes 20] [--seeds 2] [--json FILE] [WHICH ...]

WHICH are groups of variants (`--list` shows them); all by default. A variant is a recipe that ships, with overrides;
each of a group has the same CPU minutes (those of loader workers do not count), constant rates, and a seed's batches.
Averaged weights are then measured as `dlic eval` does, at strength 0 and 1, on base layers of HEVC at scale 2. LPIPS
(AlexNet) and Frechet distances judge, and train nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from clock import Clock
from torch.utils.flop_counter import FlopCounterMode

from dlic_datamodules.places import place
from dlic_registry import load
from lightning_dlic.api.measuring import evaluate
from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.fit import fit
from lightning_dlic.versions import versions

FEATURES, LOOK, PIXELS = "zoo/decoder_features", "zoo/decoder_look", "zoo/decoder_pixel"
_ARGS = "stages.reconstruction.args"
_START = "stages.reconstruction.init=zoo:decoder_pixel"
_FRESH = "stages.reconstruction.init=null"
_SIDE = 64


@dataclass(frozen=True)
class Variant:
    """A recipe and what it has otherwise."""

    recipe: str
    overrides: tuple[str, ...] = ()


GROUPS: dict[str, dict[str, Variant]] = {
    "features": {
        "pixels alone": Variant(FEATURES, (_START, "losses.content=null")),
        "features": Variant(FEATURES, (_START,)),
        "one layer": Variant(FEATURES, (_START, "losses.content.layers=['3_4']")),
    },
    # How large the pictures are that VGG-19 compares.
    "shrink": {
        "as they are": Variant(FEATURES, (_START,)),
        "half": Variant(FEATURES, (_START, "losses.content.shrink=[2]")),
        "half and a quarter": Variant(FEATURES, (_START, "losses.content.shrink=[2, 4]")),
    },
    "discriminator": {
        "none": Variant(FEATURES, (_START,)),
        "projected": Variant(LOOK, (_START, f"{_ARGS}.ramp=0")),
        "projected, not told": Variant(LOOK, (_START, f"{_ARGS}.ramp=0", f"{_ARGS}.conditioned=false")),
        "unet_sn": Variant(LOOK, (_START, f"{_ARGS}.ramp=0", f"{_ARGS}.discriminator={{name: unet_sn, width: 32}}")),
        "no features": Variant(LOOK, (_START, f"{_ARGS}.ramp=0", "losses.content=null")),
    },
    # Two networks of as many multiplications a pixel, from random weights.
    "unet": {
        "unet": Variant(PIXELS, (_FRESH,)),
        "flat": Variant(PIXELS, (_FRESH, f"{_ARGS}.net={{name: decoder_unet, widths: [60], blocks: 4}}")),
    },
    "alpha": {
        "0 to 1": Variant(FEATURES, (_START,)),
        "always 1": Variant(FEATURES, (_START, f"{_ARGS}.alphas=[1.0]")),
        "always .5": Variant(FEATURES, (_START, f"{_ARGS}.alphas=[0.5]")),
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="*", default=list(GROUPS), metavar="WHICH")
    parser.add_argument("--minutes", type=float, default=20.0, help="CPU time of each training")
    parser.add_argument("--steps", type=int, default=1_000_000, help="most batches of each training")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--data", type=Path, help="pictures to judge by; default: photos/valid below $DLIC_DATA")
    parser.add_argument("--decoded", default="0.2,0.4", help="shares of HEVC's steps")
    parser.add_argument("--metrics", default="fd_alex")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="overrides of every training")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if unknown := set(options.which) - set(GROUPS):
        parser.error(f"no such group: {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    if options.list:
        for group in options.which:
            for name, variant in GROUPS[group].items():
                print(f"{group}: {name}, {multiplications(variant):,} multiplications a pixel of the base layer")
        return
    report = {
        "minutes": options.minutes,
        "seeds": options.seeds,
        "set": options.set,
        "versions": versions("av", "pytorch-lightning"),
        "groups": {group: ablated(GROUPS[group], options) for group in options.which},
    }
    text = json.dumps(report, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


def ablated(variants: dict[str, Variant], options: argparse.Namespace) -> dict[str, Any]:
    """Means over seeds of each variant, seeds in turn."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in variants}
    for seed in range(options.seeds):
        for name, variant in variants.items():
            runs[name].append(trained(variant, seed, options))
            print(f"{name}, seed {seed}: {json.dumps(runs[name][-1])}", file=sys.stderr, flush=True)
    return {
        name: {
            "recipe": variants[name].recipe,
            "overrides": list(variants[name].overrides),
            "multiplications": multiplications(variants[name]),
            **{key: round(statistics.mean(run[key] for run in each), 4) for key in each[0]},
            "by_seed": each,
        }
        for name, each in runs.items()
    }


def multiplications(variant: Variant) -> int:
    """Of the variant's network, for each pixel of a base layer, at scale 2."""
    recipe = load_recipe(variant.recipe, list(variant.overrides))
    spec = recipe.stages["reconstruction"].args.get("net") or {"name": "decoder_unet"}
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        net = load("net", spec["name"], own_first=True)(**{k: v for k, v in spec.items() if k != "name"})
        net(torch.empty(1, 3, _SIDE, _SIDE), torch.empty(1), 2, torch.empty(1))
    return round(counter.get_total_flops() / 2 / _SIDE**2)


def trained(variant: Variant, seed: int, options: argparse.Namespace) -> dict[str, float]:
    """Trains a variant; gives its pace, and its figures at both ends of the strength."""
    with tempfile.TemporaryDirectory() as folder:
        overrides = [
            *(f"seed={seed}", f"run.root={folder}", "trainer.progress=false"),
            *(f"trainer.{key}={options.steps}" for key in ("max_steps", "val_every", "checkpoint_every")),
            *("callbacks.clock.name=clock:Clock", "callbacks.clock.cpu=true"),
            f"callbacks.clock.seconds={options.minutes * 60:g}",
            *(f"optim.{role}.schedule=null" for role in load_recipe(variant.recipe).optim),
            *variant.overrides,
            *options.set,
        ]
        weights = fit(load_recipe(variant.recipe, overrides)).run.weights
        figures = {f"{name}_at_{alpha}": value for alpha in (0, 1) for name, value in judged(weights, alpha, options)}
    return {"batches": Clock.seen["batches"], "steps_per_second": Clock.seen["steps_per_second"], **figures}


def judged(weights: Path, alpha: int, options: argparse.Namespace) -> Iterator[tuple[str, float]]:
    """Figures by name, with the share of HEVC's steps that they hold at."""
    measured = evaluate(
        str(weights),
        options.data or place(None, "photos/valid"),
        scale=2,
        alpha=float(alpha),
        decoded=[float(share) for share in options.decoded.split(",")],
        metrics=[name for name in options.metrics.split(",") if name],
    )
    for row in measured.rows:
        for name, value in row.figures.items():
            yield f"{name}_q{row.labels['quality']:g}", round(value, 4)


if __name__ == "__main__":
    main()
