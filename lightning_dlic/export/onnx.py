"""Networks for other programs: ONNX in single, half or 8-bit precision, checked against PyTorch on photographs."""

from __future__ import annotations

import contextlib
import copy
import errno
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dlic_datamodules.files import write_file
from dlic_registry import DlicError, MachineError
from lightning_dlic.imaging.color import luma_uint8
from lightning_dlic.imaging.resize import resize_uint8
from lightning_dlic.metrics.functional import psnr
from lightning_dlic.metrics.protocol import to_uint8
from lightning_dlic.metrics.strict_json import strict_json

PRECISIONS = ("fp32", "fp16", "int8")
# Largest difference from PyTorch that is rounding and not a mistake, for outputs in [0, 1].
_TOLERANCE = {"fp32": 1e-4, "fp16": 2e-2}
_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
_Float = NDArray[np.float32]


@dataclass(frozen=True)
class Parity:
    """How far an exported network is from the original, on photographs of several sizes.

    Attributes:
        worst: Largest absolute difference, for outputs in [0, 1].
        psnr: Of the 8-bit outputs against the original's, in dB, the lowest of all photographs; infinite if equal.
        pictures: How many photographs.
    """

    worst: float
    psnr: float
    pictures: int


class _Half(nn.Module):
    """A network in half precision whose input and output stay in single."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = copy.deepcopy(net).half()

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.net(x.half())
        return output.float()


def photographs(names: Sequence[str], channels: int) -> list[Tensor]:
    """Photographs that ship inside scikit-image, shrunk to a third so that they look like a network's inputs.

    Args:
        names: Such as ``astronaut``.
        channels: 3, or 1 for luma.

    Returns:
        Float ``[1, channels, h, w]`` in [0, 1]; sizes differ.
    """
    from skimage import data

    originals = (torch.from_numpy(getattr(data, name)().copy()).permute(2, 0, 1)[None] for name in names)
    small = (resize_uint8(picture, scale=1 / 3) for picture in originals)
    return [(picture if channels == 3 else luma_uint8(picture)) / 255.0 for picture in small]


def require_onnx() -> None:
    """Checks that the optional packages are there.

    Raises:
        DlicError: One is not.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise DlicError(
            f"dlic export --format onnx needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} "
            "not installed.\nInstall it with: pip install 'lightning-dlic[onnx]'"
        )


def export_onnx(path: Path, net: nn.Module, meta: Mapping[str, Any], precision: str = "fp32") -> Parity:
    """Writes a network as ONNX, checks it with ONNX Runtime, and only then puts it in place.

    Args:
        path: The file.
        net: Network of pictures alone: ``[B, C, h, w]`` in [0, 1] to ``[B, C, h*s, w*s]``; all sizes but C stay free.
        meta: What its weights file says of it; stored in the graph under ``dlic``.
        precision: ``fp32``, ``fp16`` (weights and arithmetic; input and output stay single) or ``int8`` (weights and
            activations of convolutions, calibrated on photographs other than those of the check).

    Returns:
        The distance from PyTorch.

    Raises:
        DlicError: A package is missing, the network cannot be exported, or its ONNX form computes something else.
    """
    require_onnx()
    channels = int(meta["channels"])
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".dlic-export-") as folder:
        fresh = Path(folder) / "net.onnx"
        _trace(fresh, _Half(net) if precision == "fp16" else net, channels)
        if precision == "int8":
            fresh = _quantize(fresh, channels)
        _describe(fresh, {**meta, "precision": precision})
        parity = check_onnx(fresh, net, channels)
        limit = _TOLERANCE.get(precision)
        if limit is not None and not parity.worst <= limit:
            raise DlicError(
                f"{path}: not written: the {precision} graph differs from PyTorch by {parity.worst:.2g}, "
                f"more than the {limit:g} that rounding explains"
            )
        write_file(path, fresh.read_bytes())
    return parity


def _trace(path: Path, net: nn.Module, channels: int) -> None:
    sizes = {0: torch.export.Dim("n", min=1, max=4096)}
    sizes |= {axis: torch.export.Dim(name, min=8, max=1 << 16) for axis, name in ((2, "h"), (3, "w"))}
    # Sizes of 1, or equal ones, would be taken for constants.
    example = torch.rand(2, channels, 40, 56, generator=torch.Generator().manual_seed(0))
    try:
        with _quiet():
            torch.onnx.export(
                net.eval(),
                (example,),
                path,
                input_names=["input"],
                output_names=["output"],
                dynamic_shapes=(sizes,),
                dynamo=True,
                external_data=False,
            )
    except Exception as error:  # the exporter raises whatever a network's code leads it to
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise MachineError(
                f"{path}: cannot be written ({error.strerror})\nMake room, or write somewhere else."
            ) from error
        raise DlicError(f"{path.name}: this network cannot be exported ({str(error).splitlines()[0][:300]})") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides the exporter's log of its own steps."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        level = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(level)


def _quantize(path: Path, channels: int) -> Path:
    """8-bit weights, a scale a channel, and activations for convolutions but the last, which makes the pixels."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.inputs = iter(photographs(("coffee", "rocket", "cat"), channels))

        def get_next(self) -> dict[str, _Float] | None:
            picture = next(self.inputs, None)
            return None if picture is None else {"input": picture.numpy()}

    convolutions = [node.name for node in onnx.load(path).graph.node if node.op_type == "Conv"]
    small = path.with_name(f"int8-{path.name}")
    with _quiet():
        quantize_static(
            path,
            small,
            Reader(),
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=convolutions[-1:],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
    return small


def _describe(path: Path, meta: Mapping[str, Any]) -> None:
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"dlic": strict_json(meta)})
    onnx.save(model, path)


def onnx_session(path: Path, threads: int = 0) -> Any:
    """An ONNX Runtime session on the CPU.

    Args:
        path: The model.
        threads: How many threads it may use; 0 leaves the choice to ONNX Runtime.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@torch.inference_mode()
def check_onnx(path: Path, net: nn.Module, channels: int) -> Parity:
    """Compares an ONNX file with the network it came from.

    Args:
        path: The model.
        net: The network.
        channels: Channels of its input.

    Returns:
        The distance between them.
    """
    session = onnx_session(path)
    worst, lowest = 0.0, float("inf")
    pictures = photographs(("astronaut", "chelsea"), channels)
    # Odd sizes too: nothing may depend on the size of the example that the graph was traced with.
    pictures.append(pictures[0][..., :61, :83])
    for picture in pictures:
        (made,) = session.run(None, {"input": picture.numpy()})
        output, expected = torch.from_numpy(made), net(picture)
        worst = max(worst, float((output - expected).abs().max()))
        lowest = min(lowest, psnr(to_uint8(output), to_uint8(expected)))
    return Parity(worst, lowest, len(pictures))
