"""Steps a second of ``dlic fit`` against a bare PyTorch loop: same network, task, batch and optimizer, resident data.

    python benchmarks/overhead.py [--steps 60] [--rounds 5] [--json FILE]

The two alternate within one run, so that a noisy machine slows both. Prints JSON; the ratio of medians is the figure:
by the clock, and by the process's seconds of processors, which a busy machine changes less.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from reporting.keep import keep

from dlic_datamodules.base import PictureDataModule
from dlic_registry import register
from lightning_dlic.imaging.resize import BicubicDownsize
from lightning_dlic.nets.compact import CompactNet
from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.fit import fit

BATCH, CROP, SCALE, WARM = 16, 96, 4, 10
CLOCK: list[tuple[float, float]] = []
UNITS = ("steps_per_s", "steps_per_cpu_s")


def now() -> tuple[float, float]:
    """By the clock, and of this process's processors."""
    return time.perf_counter(), time.process_time()


def rates(steps: int, begun: tuple[float, float], ended: tuple[float, float]) -> tuple[float, ...]:
    """Steps a second of each kind."""
    return tuple(steps / (end - start) for start, end in zip(begun, ended, strict=True))


def batches() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(0, 256, (BATCH, 3, CROP, CROP), dtype=torch.uint8, generator=generator) for _ in range(8)]


class Stream:
    """A loader of resident batches that notes when each was asked for."""

    def __init__(self, steps: int) -> None:
        self.steps, self.batches = steps, batches()

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for step in range(self.steps):
            CLOCK.append(now())
            yield {"image": self.batches[step % len(self.batches)]}


@register("data", "resident")
class Resident(PictureDataModule):
    """Batches that are in memory from the start."""

    def configure(self, *, steps: int, **_: Any) -> None:
        self.steps = steps

    def setup(self, stage: str | None = None) -> None:
        pass

    def prepare_data(self) -> None:
        pass

    def train_dataloader(self) -> Any:
        return Stream(self.steps)

    def val_dataloader(self) -> Any:
        return torch.utils.data.DataLoader([{"image": batches()[0][:1], "name": ["resident"]}], batch_size=None)


def framework(steps: int) -> tuple[float, ...]:
    """Steps a second of a real training."""
    CLOCK.clear()
    with tempfile.TemporaryDirectory() as folder:
        recipe = load_recipe(
            "compact_div2k",
            [
                *("data.name=resident", "data.args=null", "data.args={crop: 96}", f"trainer.max_steps={steps + WARM}"),
                *(f"trainer.val_every={10**9}", f"trainer.checkpoint_every={10**9}", "trainer.compile=false"),
                *("trainer.accelerator=cpu", "trainer.precision=32-true", "trainer.progress=true"),
                *("losses.pixel.name=l1", "trainer.ema=null", "logger=null", f"run.root={folder}"),
            ],
        )
        fit(recipe)
    # The last stamp is of the last batch's start: as many whole steps lie between as were asked for, less one.
    return rates(steps - 1, CLOCK[WARM], CLOCK[-1])


def bare(steps: int) -> tuple[float, ...]:
    """Steps a second of the shortest loop that does the same work."""
    recipe = load_recipe("compact_div2k", [])
    spec = recipe.optim.get("net", {"lr": 7e-4})
    net = CompactNet(scale=SCALE, **{k: v for k, v in recipe.stages["sr"].args.items() if k in ("width", "blocks")})
    net = net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), lr=spec["lr"])
    downsize, data = BicubicDownsize(SCALE), batches()
    begun = now()
    for step in range(steps + WARM):
        if step == WARM:
            begun = now()
        image = data[step % len(data)]
        small = downsize(image).contiguous(memory_format=torch.channels_last)
        target = (image.float() / 255.0).contiguous(memory_format=torch.channels_last)
        loss = torch.nn.functional.l1_loss(net(small), target)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return rates(steps, begun, now())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pairs = [(framework(options.steps), bare(options.steps)) for _ in range(options.rounds)]
    result: dict[str, Any] = {
        "protocol": f"compact x{SCALE}, batch {BATCH}, crop {CROP}, Adam, L1, resident data, fp32, "
        f"{options.rounds} rounds of {options.steps} steps in turn",
        "threads": torch.get_num_threads(),
    }
    for number, unit in enumerate(UNITS):
        ours, plain = ([round(pair[side][number], 2) for pair in pairs] for side in (0, 1))
        ratio = round(statistics.median(ours) / statistics.median(plain), 3)
        result[unit] = {"dlic-fit": ours, "bare": plain, "ratio_of_medians": ratio}
    print(json.dumps(result, indent=2))
    if options.json:
        keep(options.json, result, "pytorch-lightning")


if __name__ == "__main__":
    main()
