"""Puts a run's network into the zoo with its card, measured on the test sets.

    DLIC_DATA=... python tools/make_card.py RUN NAME --summary "One line." [--notes "..."] [--best]
        [--earlier STEPS] [--figures FILE.json]

The card's figures are those of `dlic eval` on the sets that its kind's measure names (BSD100 loses its last row and
column, as in the papers), or those of a JSON file `{SET: {FIGURE: VALUE}}` that a script of `benchmarks` wrote. A
network goes in as its kind's operator ships it: predictors of blocks as integers.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from drawn import save
from torch import nn
from training_curve import DOCS, draw, keep, kept

import lightning_dlic.zoo
from dlic_datamodules.places import place
from lightning_dlic.measure.base import MeasureRequest, Subject
from lightning_dlic.measure.options import build_measure
from lightning_dlic.measure.sets import open_set
from lightning_dlic.operators.base import open_operator
from lightning_dlic.zoo import Card, load_net, save_net, sha256
from lightning_dlic.zoo.cards import write_card

ZOO = Path(lightning_dlic.zoo.__file__).parent
DATA = [
    {
        "name": "photos/train: BSDS500 train and test, T91, 32 wallpapers",
        "pictures": 523,
        "licence": "BSDS500 non-commercial research; T91 states none; wallpapers free licences",
    },
    {
        "name": "imagenet/train: one picture a class",
        "pictures": 900,
        "licence": "ImageNet terms: non-commercial research",
    },
]


def measured(name: str, net: nn.Module, meta: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Figures on the sets that the measure of the network's kind names."""
    measure = build_measure(meta["kind"], {})
    if not measure.card_sets:
        raise SystemExit(f"networks of kind {meta['kind']} are measured on no set of their own: give --figures")
    sets = [open_set(place(None, f"benchmarks/{data}"), trim) for data, trim in measure.card_sets.items()]
    request = MeasureRequest(sets, torch.device("cpu"), lambda text: Subject(text, text, *load_net(text)))
    outcome = measure.run([Subject(name, name, net, meta)], request)
    for note in outcome.notes:
        print(f"note: {note}")
    return measure.card_figures(outcome.rows)


def read_figures(path: Path) -> dict[str, dict[str, float]]:
    """Figures that another script measured: the mapping itself, or what stands in it under ``figures``."""
    content = json.loads(path.read_text())
    return content.get("figures", content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--summary", required=True)
    parser.add_argument("--notes", default="")
    parser.add_argument("--earlier", type=int, default=0, help="steps of the training that the run went on from")
    parser.add_argument("--best", action="store_true", help="the network of the best validation, not the last")
    parser.add_argument("--hours", type=float, required=True, help="hours of training, all sessions together")
    parser.add_argument("--figures", type=Path, help="JSON of figures, in place of those that are measured")
    parser.add_argument("--machine", default="2 cores of an AMD EPYC with AVX-512, shared; one thread, bf16-mixed")
    options = parser.parse_args()
    weights = ZOO / f"{options.name}.safetensors"
    trained = options.run / ("best.safetensors" if options.best else "weights.safetensors")
    net, meta = open_operator(options.name, *load_net(trained)).shipped()
    save_net(weights, net, {**meta, "steps": meta["steps"] + options.earlier})
    net, meta = load_net(weights)
    figures = read_figures(options.figures) if options.figures else measured(options.name, net, meta)
    card = Card(
        name=options.name,
        kind=meta["kind"],
        stage=meta["stage"],
        summary=options.summary,
        recipe=f"zoo/{options.name}",
        command=f"dlic-fit zoo/{options.name}",
        steps=meta["steps"],
        hours=options.hours,
        machine=options.machine,
        data=DATA,
        licence="Apache-2.0; the pictures it was trained on are for research",
        sha256=sha256(weights),
        parameters=sum(p.numel() for p in net.parameters()),
        scale=meta.get("scale", 1),
        channels=meta.get("channels", 3),
        figures=figures,
        notes=options.notes,
        folder=ZOO,
    )
    write_card(card)
    keep(options.run, options.name, meta["steps"] - options.earlier)
    save(draw(kept(options.name)), DOCS / "pictures" / f"{options.name}-training.webp")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
