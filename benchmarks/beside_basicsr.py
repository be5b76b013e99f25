"""Steps a second of `dlic-fit` beside BasicSR's own training loop: same network, batch, crop, threads and pictures.

    python -m pip install --no-deps basicsr addict lmdb opencv-python-headless yapf
    python benchmarks/beside_basicsr.py PICTURES [--nets compact:60,srresnet:20] [--rounds 3] [--json FILE]

480-pixel PNG sub-images are cut of the photographs in PICTURES, and small ones made for BasicSR's paired data set. Its
model, data set, loader and loop run as they are, with our network in its registry. Ours is a whole `dlic-fit` on the
same sub-images. Both have two loader processes, Adam, L1, an average of the weights, fp32, and both are clocked where
the network is called, from the tenth step on: by the clock, and by the seconds of processors, loaders' among them,
which a busy machine changes less. Whole programs run in turn, so that a noisy machine slows both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image
from reporting.keep import keep

from dlic_registry import register
from lightning_dlic.imaging.resize import resize_uint8
from lightning_dlic.nets.compact import CompactNet
from lightning_dlic.nets.srresnet import SRResNetNet

SIDE, SCALE, BATCH, CROP, WORKERS, WARM, MOST = 480, 4, 16, 96, 2, 10, 64
STAMPS: list[tuple[float, float]] = []


def busy(process: str = "self") -> float:
    """Seconds of processor time of a process and of those that it started and that still run."""
    place, total = Path("/proc") / process, 0.0
    try:
        spent = (place / "stat").read_text().rpartition(")")[2].split()[11:13]
        total += sum(map(int, spent)) / os.sysconf("SC_CLK_TCK")
        for task in (place / "task").iterdir():
            total += sum(busy(child) for child in (task / "children").read_text().split())
    except OSError:  # ended meanwhile
        pass
    return total


class Clocked:
    """Notes when a network that learns is called."""

    def forward(self, small: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            STAMPS.append((time.perf_counter(), busy()))
        return super().forward(small)  # type: ignore[misc]


@register("net", "clocked_compact")
class ClockedCompact(Clocked, CompactNet):
    """`compact`, clocked."""


@register("net", "clocked_srresnet")
class ClockedSRResNet(Clocked, SRResNetNet):
    """`srresnet`, clocked."""


NETS = {"compact": ClockedCompact, "srresnet": ClockedSRResNet}


def cut(pictures: Path, folder: Path) -> int:
    """Sub-images and small ones of them; how many there are."""
    count = 0
    (folder / "large").mkdir()
    (folder / "small").mkdir()
    for path in sorted(pictures.iterdir()):
        with Image.open(path) as image:
            if min(image.size) < SIDE:
                continue
            planes = torch.from_numpy(np.asarray(image.convert("RGB")).copy()).permute(2, 0, 1)
        for top in range(0, planes.shape[1] - SIDE + 1, SIDE):
            for left in range(0, planes.shape[2] - SIDE + 1, SIDE):
                tile = planes[:, top : top + SIDE, left : left + SIDE]
                small = resize_uint8(tile, size=(SIDE // SCALE, SIDE // SCALE))
                for kind, picture in (("large", tile), ("small", small)):
                    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(folder / kind / f"{count:04d}.png")
                count += 1
                if count == MOST:
                    return count
    return count


def ours(net: str, steps: int, folder: Path) -> None:
    """A whole `dlic-fit`."""
    from lightning_dlic.recipe import load_recipe
    from lightning_dlic.training.fit import fit

    where = [f"data.args={{root: {folder / 'large'}, crop: {CROP}, batch_size: {BATCH}, workers: {WORKERS}}}"]
    quiet = [f"run.root={folder / 'runs'}", "trainer.progress=false", f"trainer.checkpoint_every={10**9}"]
    values = [
        *("stages.sr.name=regression", f"stages.sr.args={{scale: {SCALE}, net: {{name: clocked_{net}}}}}"),
        *("data.name=folder", "losses={pixel: {name: l1}}", "optim.net={name: adam, lr: 2.0e-4}"),
        *(f"trainer.max_steps={steps}", f"trainer.val_every={10**9}", "trainer.ema=0.999", "trainer.limit_val=1"),
        *("trainer.accelerator=cpu", "trainer.precision=32-true", f"trainer.threads={torch.get_num_threads()}"),
    ]
    fit(load_recipe("base/sr", [*values, *where, *quiet]))


def theirs(net: str, steps: int, folder: Path) -> None:
    """BasicSR's `train.py`, which wants a module that torchvision no longer has."""
    from torchvision.transforms import functional

    moved = types.ModuleType("torchvision.transforms.functional_tensor")
    moved.rgb_to_grayscale = functional.rgb_to_grayscale  # type: ignore[attr-defined]
    sys.modules[moved.__name__] = moved
    from basicsr.train import train_pipeline
    from basicsr.utils.registry import ARCH_REGISTRY

    ARCH_REGISTRY.register(NETS[net])
    data = {
        "name": "sub-images",
        "type": "PairedImageDataset",
        "dataroot_gt": str(folder / "large"),
        "dataroot_lq": str(folder / "small"),
        "io_backend": {"type": "disk"},
        **{"gt_size": CROP, "use_hflip": True, "use_rot": True, "use_shuffle": True, "dataset_enlarge_ratio": 100},
        **{"num_worker_per_gpu": WORKERS, "batch_size_per_gpu": BATCH, "prefetch_mode": None},
    }
    learning = {
        "ema_decay": 0.999,
        "optim_g": {"type": "Adam", "lr": 2e-4, "weight_decay": 0, "betas": [0.9, 0.99]},
        "scheduler": {"type": "MultiStepLR", "milestones": [10**9], "gamma": 0.5},
        "total_iter": steps,
        "warmup_iter": -1,
        "pixel_opt": {"type": "L1Loss", "loss_weight": 1.0, "reduction": "mean"},
    }
    options = {
        **{"name": f"{net}-{os.getpid()}", "model_type": "SRModel", "scale": SCALE, "num_gpu": 0, "manual_seed": 0},
        "datasets": {"train": data},
        "network_g": {"type": NETS[net].__name__, "scale": SCALE},
        "path": {"pretrain_network_g": None, "strict_load_g": True, "resume_state": None},
        "train": learning,
        "logger": {"print_freq": 100, "save_checkpoint_freq": 10**9, "use_tb_logger": False, "wandb": None},
        "dist_params": {"backend": "gloo", "port": 29500},
    }
    path = folder / "options.yml"
    path.write_text(yaml.safe_dump(options))
    sys.argv = ["train.py", "-opt", str(path)]
    train_pipeline(str(folder))


def clocked(side: str, net: str, steps: int, folder: Path, threads: int) -> tuple[float, float]:
    """Steps a second of a program of its own, by the clock and by processor seconds."""
    command = [sys.executable, __file__, str(folder), "--side", side, "--nets", net, "--steps", str(steps)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{side}: {done.stdout[-2000:]}{done.stderr[-4000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"{net}, {side}: {found}", file=sys.stderr)
    return found["steps_per_s"], found["steps_per_cpu_s"]


def rates(steps: int) -> dict[str, float]:
    """Of what was noted in this process; the end's figures may call the network once more."""
    first, last = STAMPS[min(WARM, len(STAMPS) - 2)], STAMPS[min(steps, len(STAMPS)) - 1]
    count = min(steps, len(STAMPS)) - 1 - min(WARM, len(STAMPS) - 2)
    clock, spent = (round(count / max(b - a, 1e-9), 3) for a, b in zip(first, last, strict=True))
    return {"steps_per_s": clock, "steps_per_cpu_s": spent}


def compared(net: str, steps: int, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Both in turn; a ratio above 1 says that `dlic-fit` is faster."""
    # A first one of ours makes the cache, as the tiles are made before for theirs.
    clocked("dlic-fit", net, 2, folder, options.threads)
    sides = ("dlic-fit", "BasicSR")
    rounds = [[clocked(side, net, steps, folder, options.threads) for side in sides] for _ in range(options.rounds)]
    found: dict[str, Any] = {"steps": steps}
    for number, unit in enumerate(("steps_per_s", "steps_per_cpu_s")):
        ours, theirs = ([pair[side][number] for pair in rounds] for side in (0, 1))
        ratio = round(statistics.median(ours) / statistics.median(theirs), 3)
        found[unit] = {"dlic-fit": ours, "BasicSR": theirs, "ratio_of_medians": ratio}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--nets", default="compact:60,srresnet:20", help="of compact and srresnet, with steps")
    parser.add_argument("--steps", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--side", choices=("dlic-fit", "BasicSR"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        (ours if options.side == "dlic-fit" else theirs)(options.nets, options.steps, options.pictures)
        print(json.dumps(rates(options.steps)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["DLIC_CACHE"] = str(Path(scratch) / "cache")
        count = cut(options.pictures, Path(scratch))
        wanted = [each.partition(":") for each in options.nets.split(",")]
        found = {net: compared(net, int(steps or 40), options, Path(scratch)) for net, _, steps in wanted}
    result = {
        "protocol": f"x{SCALE}, batch {BATCH}, crop {CROP}, {count} PNG sub-images of {SIDE} pixels, {WORKERS} loader "
        f"processes, Adam, L1, average of weights, fp32; the first {WARM} steps not counted; in turn",
        "nets": found,
        "threads": options.threads,
    }
    print(json.dumps(result, indent=2))
    if options.json:
        keep(options.json, result, "pytorch-lightning", "basicsr")


if __name__ == "__main__":
    main()
