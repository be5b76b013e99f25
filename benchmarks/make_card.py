"""Puts a run's network into the zoo with its card, measured on the test sets.

    DLIC_DATA=... python benchmarks/make_card.py RUN NAME --summary "One line." [--notes "..."] [--best]
        [--earlier STEPS] [--figures FILE.json]

The card's figures are those of `dlic eval`, where BSD100 loses its last row and column, as in the papers; or those of a
JSON file `{SET: {FIGURE: VALUE}}` that another script of this folder wrote. Predictors of blocks go in as integers.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from torch import nn

import lightning_dlic.zoo
from dlic_datamodules.places import place
from lightning_dlic.export.integers import to_integers
from lightning_dlic.measure.prediction import evaluate_prediction
from lightning_dlic.measure.sets import open_set
from lightning_dlic.measure.sr import evaluate
from lightning_dlic.metrics.perceptual import LPIPS
from lightning_dlic.operators.enlarger import NetEnlarger
from lightning_dlic.operators.predictor import NetPredictor
from lightning_dlic.zoo import Card, inspect_net, load_net, save_net, sha256
from lightning_dlic.zoo.cards import write_card

ZOO = Path(lightning_dlic.zoo.__file__).parent
SETS = {"set5": 0, "set14": 0, "bsd100": 1}
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


def enlargement(name: str, net: nn.Module, meta: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Figures of super-resolution on the test sets."""
    folder = place(None, "benchmarks")
    enlarger, lpips, figures = NetEnlarger(name, net, meta), LPIPS(), {}
    for data, trim in SETS.items():
        (result,) = evaluate([enlarger], [open_set(folder / data, trim=trim)], lpips=lpips)
        figures[data] = {key: round(value, 4) for key, value in result.figures.items()}
    return figures


def prediction(name: str, net: nn.Module, meta: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Figures of block prediction on kodak divided by 2 and 4."""
    data = open_set(place(None, "benchmarks/kodak"))
    return {
        f"{row.data} 1/{row.downsize}": {
            "psnr": round(row.psnr[name], 4),
            "psnr_planar": round(row.psnr["planar"], 4),
            "psnr_best35_oracle": round(row.psnr["best35-oracle"], 4),
            "wins_planar": round(row.wins["planar"], 4),
        }
        for row in evaluate_prediction([NetPredictor(name, net, meta)], [data], (2, 4))
    }


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
    parser.add_argument("--figures", type=Path, help="JSON of figures, in place of Set5, Set14 and BSD100")
    parser.add_argument("--machine", default="2 cores of an AMD EPYC with AVX-512, shared; one thread, bf16-mixed")
    options = parser.parse_args()
    weights = ZOO / f"{options.name}.safetensors"
    trained = options.run / ("best.safetensors" if options.best else "weights.safetensors")
    if inspect_net(trained)["kind"] == "prediction":
        save_net(weights, *to_integers(*load_net(trained)))
    else:
        shutil.copyfile(trained, weights)
    net, meta = load_net(weights)
    if options.earlier:
        meta = {**meta, "steps": meta["steps"] + options.earlier}
        save_net(weights, net, meta)
    measure = prediction if meta["kind"] == "prediction" else enlargement
    figures = read_figures(options.figures) if options.figures else measure(options.name, net, meta)
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
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
