"""Seconds per output megapixel: a network in PyTorch, compiled and in ONNX Runtime, beside bicubic and an SRResNet.

    python benchmarks/inference.py                      # compact_x4 of the zoo
    python benchmarks/inference.py runs/compact/001     # any other network, as `dlic eval` takes it

Each way has a process of its own, as it has in use: in a common one, threads of one library that wait in a loop take
the other's processors, and memory that one has warmed serves the next. The processes take turns, several times, so
that a busy machine slows them alike. Prints the best and the median of all rounds; ratios are of the best, which other
programs' work disturbs least. Needs the extra `onnx`.
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from reporting.keep import cpu, keep
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from dlic_registry import load
from lightning_dlic.api.targets import find_target, load_target_net
from lightning_dlic.export.onnx import export_onnx, onnx_session
from lightning_dlic.imaging.resize import resize_uint8

Way = Callable[[Tensor], object]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="?", default="compact_x4", help="zoo name, weights file or run's folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", type=int, default=256, help="side of the square input, in pixels")
    parser.add_argument("--rounds", type=int, default=7, help="of each process")
    parser.add_argument("--turns", type=int, default=3, help="processes of each way")
    parser.add_argument("--cpu-time", action="store_true", help="the process's CPU time, for a machine that others use")
    parser.add_argument("--without", nargs="*", default=[], metavar="WORD", help="leave out: compiled, int8, srresnet")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def eager(net: nn.Module, layout: torch.memory_format = torch.contiguous_format) -> Way:
    net = net.to(memory_format=layout)  # type: ignore[call-overload]
    return lambda x: net(x.contiguous(memory_format=layout))


def onnx(net: nn.Module, meta: dict[str, Any], precision: str, threads: int, folder: Path) -> Way:
    path = folder / f"{precision}.onnx"
    export_onnx(path, net, meta, precision)
    session = onnx_session(path, threads)
    return lambda x: session.run(None, {"input": x.numpy()})


def ways(name: str, threads: int, folder: Path) -> dict[str, Callable[[], Way]]:
    """What makes each way ready."""
    net, meta = load_target_net(find_target(name))
    scale, channels = int(meta["scale"]), int(meta["channels"])
    srresnet = load("net", "srresnet")(scale=scale, channels=channels).eval()
    sizes = {"scale": scale, "channels": channels}
    return {
        "bicubic, exact uint8": lambda: lambda x: resize_uint8((x * 255).to(torch.uint8), scale=float(scale)),
        f"{name}, PyTorch": lambda: eager(net),
        f"{name}, PyTorch, channels last": lambda: eager(copy.deepcopy(net), torch.channels_last),
        f"{name}, compiled": lambda: torch.compile(net, dynamic=False),
        f"{name}, ONNX Runtime fp32": lambda: onnx(net, meta, "fp32", threads, folder),
        f"{name}, ONNX Runtime int8": lambda: onnx(net, meta, "int8", threads, folder),
        "srresnet (untrained), PyTorch": lambda: eager(srresnet),
        "srresnet (untrained), ONNX Runtime fp32": lambda: onnx(srresnet, sizes, "fp32", threads, folder),
    }


@torch.inference_mode()
def measure(name: str, options: argparse.Namespace) -> list[float]:
    """Seconds of one way, round by round, in the process that calls it."""
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.cpu_time else time.perf_counter
    meta = load_target_net(find_target(options.target))[1]
    x = torch.rand(1, int(meta["channels"]), options.side, options.side, generator=torch.Generator().manual_seed(0))
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        way = ways(options.target, options.threads, Path(folder))[name]()
        for _ in range(2):
            way(x)
        for _ in range(options.rounds):
            begun = clock()
            way(x)
            seconds.append(clock() - begun)
    return seconds


def measure_alone(name: str, options: argparse.Namespace) -> list[float]:
    """The same in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, name, options).result()


def main() -> None:
    options = parse()
    meta = load_target_net(find_target(options.target))[1]
    with tempfile.TemporaryDirectory() as folder:
        possible = ways(options.target, options.threads, Path(folder))
    chosen = [name for name in possible if not set(options.without) & set(name.split())]
    seconds: dict[str, list[float]] = {name: [] for name in chosen}
    for _ in range(options.turns):
        for name in chosen:
            seconds[name] += measure_alone(name, options)
    megapixels = (options.side * int(meta["scale"])) ** 2 / 1e6
    best = {name: min(values) / megapixels for name, values in seconds.items()}
    medians = {name: statistics.median(values) / megapixels for name, values in seconds.items()}
    reference = best[f"{options.target}, PyTorch"]
    table = Table("", "s/MP, best", "s/MP, median", "times PyTorch's speed", box=None, header_style="bold")
    for name, value in best.items():
        table.add_row(name, f"{value:.4f}", f"{medians[name]:.4f}", f"{reference / value:.2f}")
    Console(width=110).print(table)
    clock = "CPU time" if options.cpu_time else "by the clock"
    rounds = f"processes: {options.turns}, each of {options.rounds} rounds, {clock}"
    print(f"{options.threads} threads, input {options.side} squared, {rounds}, {cpu()}")
    if options.json:
        facts = {"threads": options.threads, "side": options.side, "rounds": rounds}
        figures = {name: {"best": best[name], "median": medians[name]} for name in best}
        keep(
            options.json,
            {**facts, "seconds_per_megapixel": figures, "seconds": seconds},
            "onnx",
            "onnxruntime",
        )


if __name__ == "__main__":
    main()
