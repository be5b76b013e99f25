"""The integer predictor: its arithmetic written out, and the same bits from whatever computes it."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from dlic_registry import DlicError
from lightning_dlic.codec.intra.predictor import IntegerPredictor
from lightning_dlic.operators.executors import EXECUTORS


def arrays_of(predictor):
    made = {}
    for name, layer in predictor.named().items():
        made |= {f"{name}.weight8": layer.weight, f"{name}.bias32": layer.bias}
        made[f"{name}.shift"] = layer.shift.astype(np.uint8)
    return made


def contexts(m, count=40, seed=3):
    rng = np.random.default_rng(seed)
    context = rng.integers(0, 256, (count, 5 * m * m), np.uint8)
    available = (rng.random(context.shape) < 0.8).astype(np.uint8)
    available[0], available[1] = 0, 1
    return context, available


def by_hand(predictor, context, available):
    """In Python's integers, one sum after the other."""
    known = [int(v) for v, a in zip(context, available, strict=True) if a]
    mean = (2 * sum(known) + len(known)) // (2 * len(known)) if known else 128
    x0 = [max(-127, min(127, int(v) - mean)) if a else 0 for v, a in zip(context, available, strict=True)]
    x, made = x0, []
    for name, layer in predictor.named().items():
        hidden = name.startswith("hidden")
        inputs, found = x + x0 if name == "output" else x, []
        for weights, bias, shift in zip(layer.weight.tolist(), layer.bias.tolist(), layer.shift.tolist(), strict=True):
            a = sum(w * v for w, v in zip(weights, inputs, strict=True)) + bias
            s = shift + 3 if a < 0 and hidden else shift
            found.append((a + (1 << (s - 1))) >> s)
        if hidden:
            x = [max(-127, min(127, y)) for y in found]
        else:
            made += [y + made[n % predictor.m**2] for n, y in enumerate(found)] if made else found
    grey = [max(0, min(255, mean + y)) for y in made]
    return np.array(grey, np.uint8).reshape(predictor.branches, predictor.m, predictor.m)


@pytest.mark.parametrize("differences", [0, 3])
def test_the_arithmetic_is_the_stated_one(differences):
    predictor = IntegerPredictor.random(4, width=9, branches=2, differences=differences)
    context, available = contexts(4, 12)
    made = predictor.predict(context, available)
    assert len(np.unique(made)) > 50
    for n in range(12):
        np.testing.assert_array_equal(made[n], by_hand(predictor, context[n], available[n]))


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1, 9], ids=["float32", "float64"])
def test_every_executor_batch_and_thread_count_gives_the_same_bits(scale):
    arrays = arrays_of(IntegerPredictor.random(8, width=300, branches=3, differences=2))
    if scale > 1:  # sums too large for float32
        arrays = {name: (value // 16 * 16 + 15 if "weight" in name else value) for name, value in arrays.items()}
        arrays["hidden.1.weight8"][:] = 127
        arrays["hidden.1.bias32"][:] = 1 << 24
    reference = IntegerPredictor(arrays)
    assert {layer.dtype for layer in reference.named().values()} >= ({np.float64} if scale > 1 else {np.float32})
    context, available = contexts(8)
    expected = reference.predict(context, available)
    threads = torch.get_num_threads()
    for executor in ("numpy", "torch", "onnx"):
        if executor == "onnx":
            pytest.importorskip("onnxruntime")
        predictor = IntegerPredictor(arrays, EXECUTORS[executor])
        assert predictor.hash == reference.hash
        try:
            for count in (1, 2):
                torch.set_num_threads(count)
                np.testing.assert_array_equal(predictor.predict(context, available), expected)
                alone = [predictor.predict(context[n : n + 1], available[n : n + 1])[0] for n in (0, 7, 39)]
                np.testing.assert_array_equal(alone, expected[[0, 7, 39]])
        finally:
            torch.set_num_threads(threads)


def test_threads_of_the_linear_algebra_do_not_matter_and_torch_is_not_needed():
    code = """
import hashlib, sys, numpy as np
from lightning_dlic.codec.intra.predictor import IntegerPredictor
from lightning_dlic.operators.executors import EXECUTORS
rng = np.random.default_rng(0)
context = rng.integers(0, 256, (500, 1280), np.uint8)
made = IntegerPredictor.random(16, width=384).predict(context, np.ones_like(context))
print(hashlib.sha256(made.tobytes()).hexdigest(), "torch" in sys.modules)
"""
    made = set()
    for threads in ("1", "2"):
        env = {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads, "PATH": ""}
        made.add(subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True).stdout)
    assert len(made) == 1
    assert made.pop().split()[1] == "False"


def broken(**changes):
    arrays = arrays_of(IntegerPredictor.random(4, width=8, differences=2))
    for name, value in changes.items():
        key = name.replace("_", ".", 2 if name.startswith("hidden") else 1)
        arrays = {k: v for k, v in arrays.items() if k != key} | ({} if value is None else {key: value})
    return arrays


LONG = {"differences_bias32": np.zeros(256, np.int32), "differences_shift": np.ones(256, np.uint8)}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (broken(output_shift=None), "output.shift is missing"),
        (broken(output_extra=np.zeros(1, np.int8)), "output.extra is unknown"),
        (broken(output_shift=np.zeros(16, np.uint8)), "a shift of output is outside"),
        (broken(output_shift=np.full(16, 200, np.uint8)), "a shift of output is outside"),
        (broken(output_bias32=np.zeros(16, np.float32)), "output is int8, float32, uint8"),
        (broken(output_bias32=np.zeros(3, np.int32)), "shapes of output do not fit"),
        (broken(output_bias32=np.full(16, 2**31 - 1, np.int32)), "sums of output may exceed 30 bits"),
        (broken(hidden_1_weight8=np.zeros((8, 3), np.int8)), "its layers do not fit each other"),
        (broken(output_weight8=np.zeros((16, 3), np.int8)), "its last layer is"),
        (broken(differences_shift=None), "differences.shift is missing"),
        (broken(differences_weight8=np.zeros((32, 3), np.int8)), r"its differences are \(32, 3\)"),
        (broken(differences_weight8=np.zeros((256, 8), np.int8), **LONG), "gives 17 predictions"),
        ({}, "is missing"),
    ],
)
def test_other_arrays_are_refused(arrays, message, tmp_path):
    with pytest.raises(DlicError, match=message):
        IntegerPredictor(arrays)
    save_file(arrays, tmp_path / "odd.safetensors")
    with pytest.raises(DlicError, match=rf"odd\.safetensors.*{message}"):
        IntegerPredictor.load(tmp_path / "odd.safetensors")


def test_files_that_are_none(tmp_path):
    (tmp_path / "noise.safetensors").write_bytes(b"\x07" * 100)
    with pytest.raises(DlicError, match="not a safetensors file"):
        IntegerPredictor.load(tmp_path / "noise.safetensors")
    with pytest.raises(DlicError, match="no such weights file"):
        IntegerPredictor.load(tmp_path / "absent.safetensors")
