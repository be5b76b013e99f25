"""The predictors that ship: small enough, and the recorded bits from every executor."""

import hashlib

import numpy as np
import pytest

from lightning_dlic.codec.intra.predictor import IntegerPredictor
from lightning_dlic.imaging.blocks_np import cut_contexts
from lightning_dlic.zoo import find_card

SIDES = (4, 8, 16)
# SHA-256 of the predictions below. They change only with the weights, never with machine, library or executor.
GOLDEN = {
    4: "80bbf1d9a641a1a78a27fb314c2abdd2bfde02f0e83b8f0d6982638178723d8a",
    8: "73d00b571b8aa747122c4d60deb11abc29919db2ed2c4d1caa76d4f2f6437d77",
    16: "e0025bb2daa292abefa5e015db8f3e80b92e5e99f45c2afa87b6228b1ceb4222",
}


def drawn_picture(height=96, width=128):
    """Edges, slopes and texture, in integers alone."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    plane = (3 * x + 5 * y) // 4 % 256
    plane[(x - 60) ** 2 + (y - 40) ** 2 < 900] = 60
    plane[(2 * x + y) % 37 < 6] += 40
    return (plane + (x * 7919 + y * 104729) % 9).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("executor", ["numpy", "torch", "onnx"])
@pytest.mark.parametrize("m", SIDES)
def test_golden_predictions(m, executor):
    if executor == "onnx":
        pytest.importorskip("onnxruntime")
    plane = drawn_picture()
    known = np.ones_like(plane, bool)
    known[60:, 70:] = False
    y, x = (corners.ravel() for corners in np.mgrid[0:96:m, 0:128:m])
    context, available = cut_contexts(plane, known, y, x, m)
    made = IntegerPredictor.load(f"zoo:pnns_{m}", executor).predict(context, available)
    assert hashlib.sha256(made.tobytes()).hexdigest() == GOLDEN[m]
    # They are predictions: close to what is there, where most of the context is known.
    truth = np.stack([plane[a : a + m, b : b + m] for a, b in zip(y, x, strict=True)]).astype(int)
    most = available.mean(axis=1) > 0.9
    assert np.abs(made[:, 0].astype(int) - truth)[most].mean() < np.abs(truth - 128)[most].mean() / 2


def test_all_together_they_take_less_than_two_megabytes():
    assert sum(find_card(f"pnns_{m}").weights.stat().st_size for m in SIDES) <= 2 * 2**20
