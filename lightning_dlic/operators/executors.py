"""What else can compute an integer predictor: PyTorch and ONNX Runtime, to the bit as NumPy does."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlic_registry import DlicError

if TYPE_CHECKING:
    from lightning_dlic.codec.intra.predictor import Executor, Layer, Run
    from lightning_dlic.nets.prediction.integer_fc import IntegerFullyConnected


def _module(layers: Mapping[str, Layer]) -> IntegerFullyConnected:
    import torch

    from lightning_dlic.nets.prediction.integer_fc import IntegerFullyConnected

    state: dict[str, torch.Tensor] = {}
    for name, layer in layers.items():
        parts = {"weight8": layer.weight, "bias32": layer.bias, "shift": layer.shift.astype(np.uint8)}
        state |= {f"{name}.{part}": torch.from_numpy(np.array(value)) for part, value in parts.items()}
    return IntegerFullyConnected.of(state).eval()


def _stacked(context: NDArray[Any], available: NDArray[Any]) -> NDArray[np.uint8]:
    return np.stack([context, available], axis=1).astype(np.uint8)


def torch_executor(layers: Mapping[str, Layer], device: str = "cpu") -> Run:
    """Computes by PyTorch.

    Args:
        layers: The network's, by name.
        device: Where.
    """
    import torch

    net = _module(layers).to(device)

    @torch.inference_mode()
    def run(context: NDArray[Any], available: NDArray[Any]) -> NDArray[np.uint8]:
        grey = net.grey(torch.from_numpy(_stacked(context, available)).to(device))
        made: NDArray[np.uint8] = grey.to(torch.uint8).cpu().numpy()
        return made

    return run


def onnx_executor(layers: Mapping[str, Layer]) -> Run:
    """Computes by ONNX Runtime on the CPU.

    Args:
        layers: The network's, by name.

    Raises:
        DlicError: The packages are not installed.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise DlicError(f"{error.name} is missing: pip install 'lightning-dlic[onnx]'") from error
    session = onnxruntime.InferenceSession(_exported(_module(layers)), providers=["CPUExecutionProvider"])

    def run(context: NDArray[Any], available: NDArray[Any]) -> NDArray[np.uint8]:
        (grey,) = session.run(None, {"context": _stacked(context, available)})
        return np.asarray(grey).astype(np.uint8)

    return run


def _exported(net: IntegerFullyConnected) -> bytes:
    import torch

    file = io.BytesIO()
    example = torch.zeros(2, 2, 5 * net.m * net.m, dtype=torch.uint8)
    net.forward = net.grey  # type: ignore[method-assign]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (example,),
            file,  # type: ignore[arg-type]
            input_names=["context"],
            dynamic_axes={"context": {0: "blocks"}},
            dynamo=False,
        )
    return file.getvalue()


EXECUTORS: Mapping[str, Executor | None] = {"numpy": None, "torch": torch_executor, "onnx": onnx_executor}
"""What `IntegerPredictor` takes as ``executor``, by name."""
