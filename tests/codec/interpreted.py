"""Decodes a file of the base codec `intra` without compiled code, ``interpreted.py FILE EXECUTOR``.

To be run with NUMBA_DISABLE_JIT=1. The networks' predictions are those of an executor of `IntegerPredictor`.
"""

import sys
from pathlib import Path

import numpy as np

from lightning_dlic.codec import Bitstream, decode_base
from lightning_dlic.codec.intra import net, tree
from lightning_dlic.codec.intra.predictor import IntegerPredictor
from lightning_dlic.codec.intra.syntax import DONE
from lightning_dlic.imaging.blocks_np import cut_contexts

counts = {4: 0, 8: 0, 16: 0}


def main() -> None:
    """Prints the checksum of what is decoded, and how often each network was asked."""
    data, executor = Path(sys.argv[1]).read_bytes(), sys.argv[2]
    predictors = {m: IntegerPredictor.load(f"zoo:pnns_{m}", executor) for m in counts}
    guesses = {}

    def hidden_layers(nets, plane, x, y, m, room):  # type: ignore[no-untyped-def]
        known = np.repeat(np.repeat(plane.maps[DONE] != 0, 4, 0), 4, 1)[
            : plane.pixels.shape[0], : plane.pixels.shape[1]
        ]
        cut = cut_contexts(plane.pixels.astype(np.uint8), known, np.array([y]), np.array([x]), int(m))
        guesses[int(m)] = predictors[int(m)].predict(*cut)[0]
        counts[int(m)] += 1
        return 0

    def last_layer(nets, m, branch, mean, room, width, height, out):  # type: ignore[no-untyped-def]
        out[:height, :width] = guesses[int(m)][int(branch)][:height, :width]

    assert not hasattr(net.hidden_layers, "py_func"), "NUMBA_DISABLE_JIT=1 is not set"
    tree.hidden_layers, tree.last_layer = hidden_layers, last_layer
    decoded = decode_base(Bitstream.from_bytes(data))
    print(f"{decoded.crc32():08x}", *counts.values())


if __name__ == "__main__":
    main()
