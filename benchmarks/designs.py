"""Compares designs of small super-resolution networks at equal cost, each trained for the same CPU time.

    DLIC_DATA=... python benchmarks/designs.py [--seconds 240] [--designs compact,rlfn,plain,span] [--json FILE]

Data, batch, crop and loss are those of the recipe zoo/compact_x4, on one thread. The designs take turns, always the one
that has had the least time, so that a busy machine slows all alike; the learning rate falls to nothing as a design's
time runs out, and pictures of `photos/valid` judge the last weights. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rivals import nets
from torch import nn

from lightning_dlic.metrics.protocol import summarize
from lightning_dlic.nets.compact import CompactNet
from lightning_dlic.pipeline.enlargers import NetEnlarger
from lightning_dlic.stages.sr.compact import Compact
from lightning_dlic.training.build import build_data
from lightning_dlic.training.recipe import load_recipe
from lightning_dlic.training.report import versions

SCALE, SEED, WARM_UP = 4, 0, 100
DESIGNS: dict[str, Callable[[], nn.Module]] = {
    "compact": lambda: CompactNet(SCALE, 3, 48, 8),
    "rlfn": lambda: nets.rlfn(SCALE),
    "plain": lambda: nets.plain(SCALE),
    "span": lambda: nets.span(SCALE),
}


@dataclass
class Contestant:
    """A network with its own optimizer, data and clock."""

    name: str
    budget: float
    rate: float
    spent: float = 0.0
    steps: int = 0
    net: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(SEED)
        self.net = DESIGNS[self.name]().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=self.rate, betas=(0.9, 0.99))
        self.stage, self.batches = Compact(scale=SCALE), batches()

    def step(self) -> None:
        batch = next(self.batches)
        # Of this thread alone: those that fetch batches have other work.
        begun = time.thread_time()
        share = min(1.0, self.spent / self.budget)
        for group in self.optimizer.param_groups:
            warm = min(1.0, (self.steps + 1) / WARM_UP)
            group["lr"] = self.rate * warm * 0.5 * (1.0 + math.cos(math.pi * share))
        inputs, target = self.stage.task(batch)
        with torch.autocast("cpu", torch.bfloat16):
            output = self.net(inputs)
        loss = (output.float() - target).abs().mean()
        self.optimizer.zero_grad()
        loss.backward()
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


def batches() -> Iterator[dict[str, Any]]:
    data = build_data(load_recipe("zoo/compact_x4"))
    data.configure(steps=1_000_000, seed=SEED)
    data.prepare_data()
    data.setup("fit")
    return iter(data.train_dataloader())


def validation() -> list[dict[str, Any]]:
    data = build_data(load_recipe("zoo/compact_x4"))
    data.configure(steps=1, seed=SEED)
    data.prepare_data()
    data.setup("validate")
    return list(data.val_dataloader())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=240.0, help="CPU time of each design")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--designs", default=",".join(DESIGNS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    running = [Contestant(name, options.seconds, options.rate) for name in options.designs.split(",")]
    while (behind := min(running, key=lambda one: one.spent)).spent < options.seconds:
        behind.step()
    pictures = validation()
    report = {
        "seconds": options.seconds,
        "rate": options.rate,
        "recipe": "zoo/compact_x4",
        "valid": len(pictures),
        "versions": versions(),
        "designs": {one.name: one.result(pictures) for one in running},
    }
    text = json.dumps(report, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
