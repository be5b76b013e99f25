"""How fast crops come: from the cache, from PNG files decoded each time, from the field's 480-pixel sub-images.

    python benchmarks/data.py [--json FILE]

One run on one core, the same DataModule and the same batches of 16 crops of 96x96 as uint8 tensors. Pictures have
DIV2K's size and are made of real photographs: those of ``$DLIC_DATA/photos`` where that is set, else scikit-image's.
Then: how long a `compact` training step with two loader workers waits for its data, and how long the cache of
``$DLIC_DATA/photos/train`` takes to build and to open again.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from reporting.keep import keep

from dlic_datamodules.folder import FolderDataModule
from dlic_datamodules.places import place
from lightning_dlic.imaging.resize import resize_uint8
from lightning_dlic.nets.compact import CompactNet

HEIGHT, WIDTH, SUB, STEP = 1356, 2040, 480, 240
BATCH, CROP = 16, 96


def photographs() -> list[Path]:
    if found := sorted(place(None, "photos/train").glob("hires*")):
        return found
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    return [
        folder / name for name in ("astronaut.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "retina.jpg")
    ]


def canvases(count: int) -> Iterator[NDArray[np.uint8]]:
    """Pictures of DIV2K's size: photographs at their own resolution, continued by others."""
    sources = [np.asarray(Image.open(path).convert("RGB")) for path in photographs()]
    for number in range(count):
        canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        y, turn = 0, number
        while y < HEIGHT:
            x, high = 0, HEIGHT
            while x < WIDTH:
                tile = sources[turn % len(sources)][: HEIGHT - y, : WIDTH - x]
                canvas[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
                x, high, turn = x + tile.shape[1], min(high, tile.shape[0]), turn + 1
            y += high
        yield canvas


def write(folder: Path, count: int) -> tuple[Path, Path]:
    whole, parts = folder / "whole", folder / "parts"
    whole.mkdir()
    parts.mkdir()
    for number, canvas in enumerate(canvases(count)):
        Image.fromarray(canvas).save(whole / f"{number:04d}.png")
        for y in range(0, HEIGHT - SUB + 1, STEP):
            for x in range(0, WIDTH - SUB + 1, STEP):
                Image.fromarray(canvas[y : y + SUB, x : x + SUB]).save(
                    parts / f"{number:04d}_{y}_{x}.png", compress_level=3
                )
    return whole, parts


def crops_a_second(folder: Path, cache: bool, seconds: float, augment: bool = True) -> tuple[float, float]:
    """Crops a second by the clock, and of the time that this process had the core: a busy machine tells them apart."""
    data = FolderDataModule(
        str(folder), valid_fraction=0.0, crop=CROP, batch_size=BATCH, workers=0, cache=cache, augment=augment
    )
    data.configure(steps=10**9)
    batches = iter(data.train_dataloader())
    # The first rounds touch every page of the map once.
    for _ in range(200 if cache else 1):
        next(batches)
    done, start, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        assert next(batches)["image"].shape == (BATCH, 3, CROP, CROP)
        done += BATCH
    return done / (time.perf_counter() - start), done / (time.process_time() - used)


def waiting(folder: Path, steps: int) -> dict[str, float]:
    """Share of the time of `compact` training steps that is spent waiting for a batch, with two workers."""
    data = FolderDataModule(str(folder), valid_fraction=0.0, crop=CROP, batch_size=BATCH, workers=2)
    data.configure(steps=steps + 5)
    net = CompactNet(scale=4, channels=3)
    optimizer = torch.optim.Adam(net.parameters(), 1e-4)
    batches = iter(data.train_dataloader())
    waited = total = 0.0
    for step in range(steps + 5):
        start = time.perf_counter()
        image = next(batches)["image"]
        arrived = time.perf_counter()
        small = resize_uint8(image, scale=0.25).float() / 255
        loss = (net(small) - image.float() / 255).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step >= 5:
            waited += arrived - start
            total += time.perf_counter() - start
    return {"share": waited / total, "step_ms": 1000 * total / steps}


def building(folder: Path) -> dict[str, float]:
    times = []
    for _ in range(2):
        start = time.perf_counter()
        data = FolderDataModule(str(folder), valid_fraction=0.0)
        data.setup("fit")
        times.append(time.perf_counter() - start)
    return {"build_s": times[0], "again_s": times[1], "pictures": float(data.summary()["pictures"]["train"])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DLIC_CACHE"] = str(Path(folder) / "cache")
        photos = place(None, "photos/train")
        if photos.is_dir():
            figures["cache"] = building(photos)
        whole, parts = write(Path(folder), arguments.pictures)
        building(whole)
        cores = os.sched_getaffinity(0)
        threads = torch.get_num_threads()
        os.sched_setaffinity(0, {min(cores)})
        torch.set_num_threads(1)
        rates = {
            "decode PNG": crops_a_second(whole, False, arguments.seconds),
            "480 px sub-images": crops_a_second(parts, False, arguments.seconds),
            "cache": crops_a_second(whole, True, arguments.seconds),
            "cache, no flips": crops_a_second(whole, True, arguments.seconds, augment=False),
        }
        os.sched_setaffinity(0, cores)
        torch.set_num_threads(threads)
        figures["crops_per_s"], figures["crops_per_cpu_s"] = (
            {way: round(both[which], 1) for way, both in rates.items()} for which in (0, 1)
        )
        figures["waiting"] = waiting(whole, 40)
    print(f"{'way':18} {'crops/s':>10} {'a CPU second':>14} {'x PNG':>9}")
    for name, (rate, busy) in rates.items():
        print(f"{name:18} {rate:10,.0f} {busy:14,.0f} {rate / rates['decode PNG'][0]:9,.1f}")
    print(f"compact step, 2 workers: {figures['waiting']['step_ms']:.0f} ms, waiting {figures['waiting']['share']:.2%}")
    if "cache" in figures:
        built = figures["cache"]
        print(f"cache of {built['pictures']:.0f} pictures: {built['build_s']:.1f} s, again {built['again_s']:.2f} s")
    if arguments.json:
        keep(arguments.json, figures)


if __name__ == "__main__":
    main()
