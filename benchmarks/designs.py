"""Compares designs of small super-resolution networks, and ways to train one, each in the same CPU time.

    DLIC_DATA=... python benchmarks/designs.py [--seconds 240] [--seeds 3] [--json FILE] compact rlfn plain span
    DLIC_DATA=... python benchmarks/designs.py compact crop=96 loss=mse rate=5e-4 schedule=cosine compile=1

A word is a design, or settings (`crop=96,loss=mse`) in which `compact` is trained otherwise than by the recipe
zoo/compact_x4, whose data, crop, batch, rate, loss and schedule hold wherever a word does not say otherwise. One
thread. The contestants take turns, always the one that has had the least time, so that a busy machine slows all
alike; the schedules end as a contestant's time runs out, and pictures of `photos/valid` judge the last weights. What
compiling takes is not counted. With several seeds, of weights and pictures, all is done once for each, and figures are
means. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rivals import nets
from torch import Tensor, nn

from dlic_registry import load
from lightning_dlic.metrics.protocol import summarize
from lightning_dlic.nets.compact import CompactNet
from lightning_dlic.operators.enlarger import NetEnlarger
from lightning_dlic.recipe import load_recipe
from lightning_dlic.stages.schedules import SHARES
from lightning_dlic.stages.sr.compact import Compact
from lightning_dlic.training.build import build_data
from lightning_dlic.versions import versions

SCALE, WARM_UP = 4, 100
DESIGNS: dict[str, Callable[[], nn.Module]] = {
    "compact": lambda: CompactNet(SCALE, 3, 48, 8),
    "rlfn": lambda: nets.rlfn(SCALE),
    "plain": lambda: nets.plain(SCALE),
    "span": lambda: nets.span(SCALE),
}


SETTINGS = {"crop": 64, "batch": 16, "rate": 1e-3, "loss": "l1", "schedule": "halved", "compile": 0}
SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": lambda share: 0.5 * (1.0 + math.cos(math.pi * share)),
    "linear": lambda share: 1.0 - share,
    "halved": lambda share: 0.5 ** sum(share >= place for place in SHARES),
    "constant": lambda share: 1.0,
}


@dataclass
class Contestant:
    """A network with its own optimizer, data and clock."""

    name: str
    budget: float
    seed: int
    spent: float = 0.0
    steps: int = 0
    net: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        design, settings = read(self.name)
        self.rate, self.loss = settings["rate"], load("loss", settings["loss"])()
        self.schedule = SCHEDULES[settings["schedule"]]
        self.net = DESIGNS[design]().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=self.rate, betas=(0.9, 0.99))
        self.stage, self.batches = Compact(scale=SCALE), batches(settings["crop"], settings["batch"], self.seed)
        self.apply = torch.compile(self.net) if settings["compile"] else self.net
        if settings["compile"]:
            inputs, target = self.stage.task(next(self.batches))
            self._forward(inputs, target).backward()
            self.optimizer.zero_grad()

    def _forward(self, inputs: Tensor, target: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            output = self.apply(inputs)
        return self.loss(output.float(), target)

    def step(self) -> None:
        batch = next(self.batches)
        # Of this thread alone: those that fetch batches have other work.
        begun = time.thread_time()
        share = min(1.0, self.spent / self.budget)
        for group in self.optimizer.param_groups:
            warm = min(1.0, (self.steps + 1) / WARM_UP)
            group["lr"] = self.rate * warm * self.schedule(share)
        inputs, target = self.stage.task(batch)
        self.optimizer.zero_grad()
        self._forward(inputs, target).backward()
        self.optimizer.step()
        self.steps += 1
        self.spent += time.thread_time() - begun

    @torch.inference_mode()
    def result(self, pictures: list[dict[str, Any]]) -> dict[str, Any]:
        self.net.eval()
        figures = []
        for batch in pictures:
            inputs, target = self.stage.task(batch)
            figures.append(self.stage.score(inputs, self.net(inputs), target))
        meta = {"kind": "sr", "scale": SCALE, "channels": 3}
        return {
            "parameters": sum(p.numel() for p in self.net.parameters()),
            "kmac_per_pixel": round(NetEnlarger(self.name, self.net, meta).kmacs(), 2),
            "steps": self.steps,
            "cpu_seconds": round(self.spent, 1),
            **{name: round(value, 4) for name, value in summarize(figures).items()},
        }


def read(word: str) -> tuple[str, dict[str, Any]]:
    """Design and settings of a contestant's word."""
    if "=" not in word:
        return word, dict(SETTINGS)
    given = (part.split("=") for part in word.split(","))
    return "compact", {**SETTINGS, **{key: type(SETTINGS[key])(value) for key, value in given}}


def batches(crop: int, size: int, seed: int) -> Iterator[dict[str, Any]]:
    data = build_data(load_recipe("zoo/compact_x4", [f"data.args.crop={crop}", f"data.args.batch_size={size}"]))
    data.configure(steps=1_000_000, seed=seed)
    data.prepare_data()
    data.setup("fit")
    return iter(data.train_dataloader())


def validation() -> list[dict[str, Any]]:
    data = build_data(load_recipe("zoo/compact_x4"))
    data.configure(steps=1, seed=0)
    data.prepare_data()
    data.setup("validate")
    return list(data.val_dataloader())


def race(names: list[str], budget: float, seed: int) -> list[Contestant]:
    """Trains all, in turns."""
    running = [Contestant(name, budget, seed) for name in names]
    while (behind := min(running, key=lambda one: one.spent)).spent < budget:
        behind.step()
    return running


def averaged(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds, and the PSNR of each."""
    means = {name: round(statistics.mean(run[name] for run in runs), 4) for name in runs[0]}
    return means | {"psnr_y_by_seed": [run["psnr_y"] for run in runs]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contestants", nargs="*", default=list(DESIGNS))
    parser.add_argument("--seconds", type=float, default=240.0, help="CPU time of each contestant")
    parser.add_argument("--seeds", type=int, default=1, help="how often, from other weights and with other pictures")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.seeds < 1 or len(set(options.contestants)) < len(options.contestants):
        parser.error("--seeds must be at least 1, and no contestant may stand twice")
    torch.set_num_threads(1)
    pictures, runs = validation(), {name: [] for name in options.contestants}  # type: ignore[var-annotated]
    for seed in range(options.seeds):
        for one in race(options.contestants, options.seconds, seed):
            runs[one.name].append(one.result(pictures))
            print(one.name, seed, runs[one.name][-1]["psnr_y"], file=sys.stderr, flush=True)
    report = {
        "seconds": options.seconds,
        "seeds": options.seeds,
        "recipe": "zoo/compact_x4",
        "valid": len(pictures),
        "versions": versions("pytorch-lightning"),
        "contestants": {name: averaged(each) for name, each in runs.items()},
    }
    text = json.dumps(report, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
