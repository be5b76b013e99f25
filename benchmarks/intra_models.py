"""Fits what the context models of the base codec `intra` begin with, and writes lightning_dlic/codec/intra/models.py.

python benchmarks/intra_models.py PICTURE... [--scales 2 4]

Each picture is made smaller and coded from models that know nothing: its luma without networks and with them, and its
chroma. What every model has learned is averaged, weighted by what it has seen, and how much pictures differ says how
firmly to believe it: the table holds the mean and the number of symbols that it is worth, by kind of plane and quality.
After a change of the table all `intra` files read otherwise.
"""

from __future__ import annotations

import argparse
import itertools
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from lightning_dlic.codec.intra.arithmetic import fresh_models, writer
from lightning_dlic.codec.intra.codec import zoo_predictors
from lightning_dlic.codec.intra.encoder import encode_plane
from lightning_dlic.codec.intra.leaf import Trials
from lightning_dlic.codec.intra.tables import ANCHORS, CHROMA, CONTEXTS, LUMA, LUMA_NETWORKS
from lightning_dlic.codec.planes import Planes
from lightning_dlic.pipeline.pictures import load_picture
from lightning_dlic.pipeline.source import Source

TARGET = Path(__file__).parents[1] / "lightning_dlic" / "codec" / "intra" / "models.py"
HEAD = '''"""What context models begin with; benchmarks/intra_models.py writes this file.

By kind of plane (`tables.LUMA` and the next) and quality, those of `tables.ANCHORS`: for each context the probability
of a zero in 1/256, and the number of symbols that it is worth.
"""

from typing import Any

import numpy as np

# fmt: off
'''


Asked = tuple[Planes, int, int]
"""A picture, the kind of its planes that is meant, and a quality."""


def learned(asked: Asked) -> np.ndarray:
    """Models behind planes of one picture that share them, int32 ``[n, 3]``."""
    picture, kind, quality = asked
    luma, *chroma = picture.each()
    coder = writer(4096 + 8 * luma.size, fresh_models(1))
    for plane in chroma if kind == CHROMA else [luma]:
        encode_plane(coder, plane, quality, Trials(3, 16, 2), zoo_predictors() if kind == LUMA_NETWORKS else ())
    return coder.models


def fit(found: np.ndarray) -> np.ndarray:
    """Mean and worth of each context from ``[pictures, n, 3]``: ``[n, 2]``."""
    table = np.zeros((CONTEXTS, 2), np.int64)
    for context in range(CONTEXTS):
        seen = found[:, context, 2].clip(0, 85).astype(float)
        if seen.sum() < 4:
            table[context] = 128, 0
            continue
        zero = found[:, context, 1] / 65536
        mean = float((zero * seen).sum() + 0.5) / (seen.sum() + 1)
        spread = mean * (1 - mean)
        noise = spread / seen.clip(1)
        between = max(float((((zero - mean) ** 2 - noise) * seen).sum() / seen.sum()), spread / 60)
        worth = min(spread / between, seen.sum(), 40)
        table[context] = min(max(round(mean * 256), 1), 255), round(worth)
    return table


def main() -> None:
    """Fits and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--scales", type=int, nargs="+", default=[2, 4])
    asked = parser.parse_args()
    pictures = [Source(load_picture(name)).small(scale) for name in asked.pictures for scale in asked.scales]
    text, tables = HEAD + "START: Any = np.array([\n", list(itertools.product((LUMA, LUMA_NETWORKS, CHROMA), ANCHORS))
    with ProcessPoolExecutor() as pool:
        found = pool.map(learned, [(picture, *table) for table in tables for picture in pictures])
        for kind, quality in tables:
            table = fit(np.stack([next(found) for _ in pictures]))
            print(f"kind {kind}, quality {quality}", flush=True)
            pairs = [f"{mean}, {worth}" for mean, worth in table]
            lines = [", ".join(pairs[at : at + 12]) for at in range(0, CONTEXTS, 12)]
            text += "    [\n" + "".join(f"        {line},\n" for line in lines) + "    ],\n"
    TARGET.write_text(text + f"], np.int32).reshape(-1, {len(ANCHORS)}, {CONTEXTS}, 2)\n# fmt: on\n")
    print(f"{len(pictures)} pictures: {TARGET}")


if __name__ == "__main__":
    main()
