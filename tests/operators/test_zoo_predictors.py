"""The predictors that ship: small enough, and the recorded bits from every executor."""

import hashlib

import numpy as np
import pytest

from lightning_dlic.codec.intra.predictor import IntegerPredictor
from lightning_dlic.imaging.numpy.blocks import cut_contexts
from lightning_dlic.operators.executors import EXECUTORS
from lightning_dlic.zoo import find_card

SIDES = (4, 8, 16)
# SHA-256 of the predictions below. They change only with the weights, never with machine, library or executor.
GOLDEN = {
    4: "c515df64a821c6e688e8c6b2d1a254f826f3a9929dc93100459894abbb19c5ef",
    8: "6d20397fb6f3d67bf489d7fa27e6661c8242ac0bf7afd4e7f36540d8dcb94b6d",
    16: "b9ab3a858fd4756f5f13ad9350cee2c5ef2f90c71bc40821471aa46155327a0e",
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
    made = IntegerPredictor.load(f"zoo:pnns_{m}", EXECUTORS[executor]).predict(context, available)
    assert hashlib.sha256(made.tobytes()).hexdigest() == GOLDEN[m]
    # They are predictions: close to what is there, where most of the context is known.
    truth = np.stack([plane[a : a + m, b : b + m] for a, b in zip(y, x, strict=True)]).astype(int)
    most = available.mean(axis=1) > 0.9
    assert np.abs(made[:, 0].astype(int) - truth)[most].mean() < np.abs(truth - 128)[most].mean() / 2


def test_all_together_they_take_less_than_two_megabytes():
    assert sum(find_card(f"pnns_{m}").weights.stat().st_size for m in SIDES) <= 2 * 2**20
