"""A block predictor in integers: the same bits for every batch, thread count and executor.

The network is fully connected. Weights and activations have 8 bits and a sign, sums are exact, and each channel is
brought back to 8 bits by a shift:

    x0 = context - mean                               clipped to [-127, 127], 0 where unavailable
    a  = W x + b                                      exact
    x  = (a + 2^(s-1)) >> s        where a >= 0       clipped to [-127, 127]
         (a + 2^(s+2)) >> (s + 3)  where a < 0        (a leaky slope of 1/8)
    prediction = mean + ((a + 2^(s-1)) >> s)          clipped to [0, 255]; the last layer sees [x, x0]

Further predictions are differences from the first, each shifted by itself and added before the clipping; their layer
sees x alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlic_registry import DlicError
from lightning_dlic.codec.intra.tables import MAX_BRANCHES
from lightning_dlic.imaging.numpy.blocks import REACH, center

PARTS = ("weight8", "bias32", "shift")
LEAK = 3
"""Negative sums are shifted by so many bits more."""
MAX_SHIFT = 20
_EXACT_FLOAT32 = 1 << 24
_LIMIT = 1 << 30

Run = Callable[[NDArray[Any], NDArray[Any]], NDArray[np.uint8]]
"""Predicts as `IntegerPredictor.predict` says."""


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        weight: int8 ``[out, in]``.
        bias: int32 ``[out]``.
        shift: int32 ``[out]`` in [1, 20].
        bound: No sum, in whatever order it is taken, exceeds this, rounding included.
    """

    weight: NDArray[np.int8]
    bias: NDArray[np.int32]
    shift: NDArray[np.int32]
    bound: int

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """The narrowest floating-point type in which every sum of this layer is exact."""
        return np.float32 if self.bound < _EXACT_FLOAT32 else np.float64

    def sums(self, x: NDArray[np.int32]) -> NDArray[np.int32]:
        """``W x + b`` for rows ``[N, in]`` in [-127, 127]: int32 ``[N, out]``."""
        product = x.astype(self.dtype) @ self.weight.T.astype(self.dtype)
        return product.astype(np.int32) + self.bias

    def rounded(self, a: NDArray[np.int32], extra: int = 0) -> NDArray[np.int32]:
        """Sums divided by ``2^(shift + extra)``, rounded half up."""
        shift = self.shift + extra
        return (a + (1 << (shift - 1))) >> shift


Executor = Callable[[Mapping[str, Layer]], Run]
"""Makes of layers by name what computes."""


class IntegerPredictor:
    """Predicts blocks from their causal contexts.

    Attributes:
        m: Side of the blocks.
        branches: Predictions K of each block.
        hidden: Hidden layers.
        output: The last layer.
        differences: The layer of further predictions, if there is one.
        hash: SHA-256 over the weights, in hexadecimal; the same for the same network whatever file it came from.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], executor: Executor | None = None) -> None:
        """Takes a network's arrays.

        Args:
            arrays: ``hidden.N.weight8``, ``hidden.N.bias32``, ``hidden.N.shift`` for N = 0, 1, ..., and the same of
                ``output`` and, if there are further predictions, ``differences``.
            executor: Makes of the layers what computes, in place of NumPy: see `operators.executors`.

        Raises:
            DlicError: The arrays are not such a network.
        """
        depth = sum(name.startswith("hidden.") and name.endswith(".weight8") for name in arrays)
        last = ["output", "differences"][: 2 if any(name.startswith("differences.") for name in arrays) else 1]
        names = [f"hidden.{number}" for number in range(depth)] + last
        wanted = {f"{name}.{part}" for name in names for part in PARTS}
        if set(arrays) != wanted:
            odd = sorted(wanted ^ set(arrays))[0]
            raise DlicError(f"not an integer predictor: {str(odd)[:80]} is {'missing' if odd in wanted else 'unknown'}")
        layers = [_layer(arrays, name) for name in names]
        self.hidden, self.output = layers[:depth], layers[depth]
        self.differences = layers[depth + 1] if len(last) > 1 else None
        self.m, self.branches = _check_sizes(self)
        self.hash = _digest(arrays)
        self._run = self.reference if executor is None else executor(self.named())

    @classmethod
    def load(cls, path: str | Path, executor: Executor | None = None) -> IntegerPredictor:
        """Reads a weights file (safetensors); torch is not needed.

        Args:
            path: The file, or ``zoo:NAME``.
            executor: As above.

        Raises:
            DlicError: There is no such file or name, or it holds another kind of network.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        from lightning_dlic.zoo.files import locate

        file = locate(path)
        try:
            return cls(load_file(file), executor)
        except (SafetensorError, OSError, KeyError) as error:
            raise DlicError(f"{file}: not a safetensors file ({str(error).splitlines()[0][:160]})") from error
        except DlicError as error:
            raise DlicError(f"{file}: {error}") from error

    @classmethod
    def random(
        cls,
        m: int,
        width: int = 32,
        seed: int = 0,
        executor: Executor | None = None,
        branches: int = 1,
        differences: int = 0,
    ) -> IntegerPredictor:
        """A network of random weights, for tests."""
        rng = np.random.default_rng(seed)
        arrays: dict[str, NDArray[Any]] = {}
        inputs, last = 5 * m * m, branches * m * m
        sizes = {"hidden.0": (width, inputs), "hidden.1": (width, width), "output": (last, width + inputs)}
        sizes |= {"differences": (differences * m * m, width)} if differences else {}
        for name, (out, inputs) in sizes.items():
            arrays[f"{name}.weight8"] = rng.integers(-127, 128, (out, inputs), np.int8)
            arrays[f"{name}.bias32"] = rng.integers(-2000, 2001, out, np.int32)
            arrays[f"{name}.shift"] = rng.integers(8, 12, out, np.uint8)
        return cls(arrays, executor)

    def named(self) -> dict[str, Layer]:
        """The layers by the names that they have in files."""
        found = {f"hidden.{number}": layer for number, layer in enumerate(self.hidden)} | {"output": self.output}
        return found if self.differences is None else found | {"differences": self.differences}

    def predict(self, context: NDArray[np.integer], available: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Predicts blocks.

        Args:
            context: ``[N, 5 m^2]`` in [0, 255], laid out as `imaging.numpy.blocks` says.
            available: Of the same shape, 1 where the context is known, else 0.

        Returns:
            uint8 ``[N, K, m, m]``.
        """
        return self._run(context, available)

    def reference(self, context: NDArray[np.integer], available: NDArray[np.integer]) -> NDArray[np.uint8]:
        """`predict` in NumPy: the definition that the other executors are held to."""
        x0, mean = center(context, available)
        x = x0
        for layer in self.hidden:
            a = layer.sums(x)
            x = np.where(a >= 0, layer.rounded(a), layer.rounded(a, LEAK)).clip(-REACH, REACH)
        residual = self.output.rounded(self.output.sums(np.concatenate([x, x0], axis=1) if self.hidden else x0))
        if self.differences is not None:
            further = self.differences.rounded(self.differences.sums(x))
            first = np.tile(residual[:, : self.m**2], further.shape[1] // self.m**2)
            residual = np.concatenate([residual, first + further], axis=1)
        blocks = (mean[:, None] + residual).clip(0, 255).astype(np.uint8)
        return blocks.reshape(-1, self.branches, self.m, self.m)


def _layer(arrays: Mapping[str, NDArray[Any]], name: str) -> Layer:
    weight, bias, shift = (arrays[f"{name}.{part}"] for part in PARTS)
    if weight.dtype != np.int8 or bias.dtype != np.int32 or shift.dtype != np.uint8:
        raise DlicError(f"not an integer predictor: {name} is {weight.dtype}, {bias.dtype}, {shift.dtype}")
    if weight.ndim != 2 or bias.shape != weight.shape[:1] or shift.shape != weight.shape[:1] or not weight.size:
        raise DlicError(f"not an integer predictor: shapes of {name} do not fit each other")
    if shift.min() < 1 or shift.max() > MAX_SHIFT:
        raise DlicError(f"not an integer predictor: a shift of {name} is outside 1..{MAX_SHIFT}")
    sums = REACH * np.abs(weight.astype(np.int64)).sum(axis=1) + np.abs(bias.astype(np.int64))
    bound = int((sums + (1 << (shift.astype(np.int64) + LEAK))).max())
    if bound >= _LIMIT:
        raise DlicError(f"not an integer predictor: sums of {name} may exceed 30 bits")
    return Layer(np.ascontiguousarray(weight), bias, shift.astype(np.int32), bound)


def _check_sizes(net: IntegerPredictor) -> tuple[int, int]:
    """The side of the blocks and the predictions of each, if the layers fit each other."""
    first = net.hidden[0] if net.hidden else net.output
    inputs = width = first.weight.shape[1]
    m = math.isqrt(inputs // 5)
    for layer in net.hidden:
        if layer.weight.shape[1] != width:
            raise DlicError("not an integer predictor: its layers do not fit each other")
        width = layer.weight.shape[0]
    branches, rest = divmod(len(net.output.weight), max(1, m * m))
    last = width + inputs if net.hidden else inputs
    if net.output.weight.shape[1] != last or rest or inputs != 5 * m * m or not 2 <= m <= 64 or branches < 1:
        raise DlicError(f"not an integer predictor: its last layer is {net.output.weight.shape}")
    if net.differences is not None:
        further, rest = divmod(len(net.differences.weight), m * m)
        if net.differences.weight.shape[1] != width or rest or not net.hidden:
            raise DlicError(f"not an integer predictor: its differences are {net.differences.weight.shape}")
        branches += further
    if branches > MAX_BRANCHES:
        raise DlicError(f"not an integer predictor: it gives {branches} predictions, more than {MAX_BRANCHES}")
    return m, branches


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"{name} {array.dtype.name} {array.shape}\0".encode() + little.tobytes())
    return digest.hexdigest()
