"""Decodes a file of the base codec `intra` without compiled code, ``interpreted.py FILE EXECUTOR``.

To be run with NUMBA_DISABLE_JIT=1. The networks' predictions are those of an executor of `IntegerPredictor`.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from lightning_dlic.codec import Bitstream, decode_base
from lightning_dlic.codec.intra import net, tree
from lightning_dlic.codec.intra.predictor import IntegerPredictor
from lightning_dlic.codec.intra.syntax import DONE
from lightning_dlic.imaging.numpy.blocks import cut_contexts
from lightning_dlic.operators.executors import EXECUTORS

counts = Counter[str]()


def viewed(predictor, pixels, known, y, x, view):  # type: ignore[no-untyped-def]
    """What a network predicts of the block at (y, x) in a view: picture and blocks are mirrored or inverted."""
    if view & 2:
        return 255 - viewed(predictor, 255 - pixels, known, y, x, view - 2)
    if view & 1:
        return viewed(predictor, pixels.T, known.T, x, y, 0).swapaxes(1, 2)
    return predictor.predict(*cut_contexts(pixels, known, np.array([y]), np.array([x]), predictor.m))[0]


def main() -> None:
    """Prints the checksum of what is decoded, and how often each network was asked."""
    data, executor = Path(sys.argv[1]).read_bytes(), sys.argv[2]
    predictors = {m: IntegerPredictor.load(f"zoo:pnns_{m}", EXECUTORS[executor]) for m in (4, 8, 16)}

    def predictions(nets, plane, x, y, width, height, view, count, room, out):  # type: ignore[no-untyped-def]
        known = np.repeat(np.repeat(plane.maps[DONE] != 0, 4, 0), 4, 1)[
            : plane.pixels.shape[0], : plane.pixels.shape[1]
        ]
        m = int(max(width, height))
        made = viewed(predictors[m], plane.pixels.astype(np.uint8), known, y, x, view)
        out[:count, :height, :width] = made[:count, :height, :width]
        counts.update([f"net {m}", f"view {view}", "square" if width == height else "halved"])

    assert not hasattr(net.predictions, "py_func"), "NUMBA_DISABLE_JIT=1 is not set"
    tree.predictions = predictions
    decoded = decode_base(Bitstream.from_bytes(data))
    print(f"{decoded.crc32():08x}", json.dumps(counts))


if __name__ == "__main__":
    main()
