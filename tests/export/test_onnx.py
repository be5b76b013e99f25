"""ONNX files compute what PyTorch computes, at any size."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dlic_registry import DlicError, load
from lightning_dlic.export.onnx import export_onnx, onnx_session

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def _net(name: str, channels: int, **arguments: int) -> tuple[nn.Module, dict[str, object]]:
    torch.manual_seed(0)
    net = load("net", name)(scale=2, channels=channels, **arguments)
    return net.eval(), {"kind": "sr", "stage": name, "scale": 2, "channels": channels}


NETS = {
    "compact": ("compact", 3, {"width": 8, "blocks": 1}),
    "srcnn": ("srcnn", 1, {}),
    "srresnet": ("srresnet", 3, {"width": 8, "blocks": 1}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_single_precision_is_pytorch_at_any_size_and_batch(name: str, tmp_path: Path) -> None:
    kind, channels, arguments = NETS[name]
    net, meta = _net(kind, channels, **arguments)
    path = tmp_path / "net.onnx"
    parity = export_onnx(path, net, meta)
    assert parity.worst < 1e-5
    assert parity.psnr > 80
    session = onnx_session(path, threads=1)
    for shape in ((1, channels, 8, 8), (1, channels, 37, 51), (3, channels, 64, 9)):
        x = torch.rand(shape, generator=torch.Generator().manual_seed(1))
        (made,) = session.run(None, {"input": x.numpy()})
        assert np.abs(made - net(x).detach().numpy()).max() < 1e-5
    record = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert json.loads(record["dlic"]) == {**meta, "precision": "fp32"}
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "share", "decibels"), [("fp16", 0.65, 55), ("int8", 0.6, 35)])
def test_smaller_precisions_are_smaller_and_near(precision: str, share: float, decibels: float, tmp_path: Path) -> None:
    net, meta = _net("compact", 3, width=32, blocks=2)
    export_onnx(tmp_path / "full.onnx", net, meta)
    parity = export_onnx(tmp_path / "small.onnx", net, meta, precision)
    sizes = [(tmp_path / name).stat().st_size for name in ("small.onnx", "full.onnx")]
    assert sizes[0] < share * sizes[1]
    assert decibels < parity.psnr < float("inf")
    x = np.zeros((1, 3, 11, 13), np.float32)
    (made,) = onnx_session(tmp_path / "small.onnx", threads=1).run(None, {"input": x})
    assert made.dtype == np.float32
    assert made.shape == (1, 3, 22, 26)


class _Sized(nn.Module):
    """Computes something else at other sizes than the one it was traced with."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        factor = 2.0 if not torch.compiler.is_compiling() else 1.0
        return (x * self.gain * factor).repeat_interleave(2, -1).repeat_interleave(2, -2)


@pytest.mark.slow
def test_a_graph_that_computes_something_else_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(DlicError, match="not written: the fp32 graph differs from PyTorch"):
        export_onnx(tmp_path / "net.onnx", _Sized(), {"scale": 2, "channels": 1})
    assert list(tmp_path.iterdir()) == []


class _Untraceable(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if x.sum().item() > 0 else x


@pytest.mark.slow
def test_a_network_that_cannot_be_traced_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DlicError, match=r"net\.onnx: this network cannot be exported"):
        export_onnx(tmp_path / "net.onnx", _Untraceable(), {"scale": 1, "channels": 1})
    assert list(tmp_path.iterdir()) == []
