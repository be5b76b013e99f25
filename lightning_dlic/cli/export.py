"""``dlic export``: networks for other programs."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Annotated

import typer

from dlic_datamodules.files import check_target
from dlic_registry import DlicError, did_you_mean, import_plugins
from dlic_registry.terminal import say
from lightning_dlic.api.targets import find_target, load_target_net
from lightning_dlic.cli.plugins import Plugins

FORMATS = ("onnx", "safetensors")


def export_net(
    name: Annotated[
        str, typer.Argument(help="Network: a name of the zoo, a .safetensors or .ckpt file, or a run's folder.")
    ],
    format_name: Annotated[str, typer.Option("--format", help="onnx or safetensors.")] = "onnx",
    fp16: Annotated[bool, typer.Option("--fp16", help="Half precision.")] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="8 bits: convolutions (onnx), predictors of blocks (safetensors).")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="The file. Default: NAME and precision, in this folder.")] = None,
    plugin: Plugins = None,
) -> None:
    """Write a network as ONNX or safetensors, and check it.

    Only the network that the codec uses is written, never a discriminator. Height and width stay free.
    """
    if format_name not in FORMATS:
        raise DlicError(f"--format {format_name}: neither onnx nor safetensors.{did_you_mean(format_name, FORMATS)}")
    if fp16 and int8:
        raise DlicError("--fp16 and --int8 exclude each other")
    import_plugins(plugin or [])
    target = find_target(name)
    precision = "int8" if int8 else "fp16" if fp16 else "fp32"
    path = out or Path(f"{target.name}{'' if precision == 'fp32' else f'-{precision}'}.{format_name}")
    check_target(path, target.file)
    line = _write_onnx(name, path, precision) if format_name == "onnx" else _write_safetensors(name, path, precision)
    say(f"{path}: {path.stat().st_size:,} bytes, {precision}, {line}")


def _write_onnx(name: str, path: Path, precision: str) -> str:
    from lightning_dlic.export.onnx import export_onnx, require_onnx
    from lightning_dlic.operators.base import open_operator

    require_onnx()
    net, meta = load_target_net(find_target(name))
    operator = open_operator(name, copy.deepcopy(net), meta)
    if not operator.plain:
        raise DlicError(f"{name}: of kind {operator.kind!r}: only networks of pictures alone are exported as ONNX")
    parity = export_onnx(path, net, {**meta, "channels": operator.facts.channels}, precision)
    equal = "equal to" if math.isinf(parity.psnr) else f"{parity.psnr:.1f} dB to"
    return (
        f"largest difference from PyTorch {parity.worst:.2g}, 8-bit outputs {equal} PyTorch's on "
        f"{parity.pictures} photographs"
    )


def _write_safetensors(name: str, path: Path, precision: str) -> str:
    from lightning_dlic.export.integers import to_integers
    from lightning_dlic.zoo import load_net, save_net

    net, meta = load_target_net(find_target(name))
    if precision == "int8":
        net, meta = to_integers(net, meta)
    save_net(path, copy.deepcopy(net).half() if precision == "fp16" else net, meta)
    back, _ = load_net(path)
    states = net.state_dict(), back.state_dict()
    worst = max(
        (float((states[0][key].float() - states[1][key].float()).abs().max()) for key in states[0]), default=0.0
    )
    if precision != "fp16" and worst > 0:
        raise DlicError(f"{path}: weights read back differ from those written by {worst:.2g}")
    count = sum(parameter.numel() for parameter in back.parameters())
    return f"{count:,} parameters, read back with a largest difference of {worst:.2g}"
