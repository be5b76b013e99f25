"""A short training on a machine with a GPU, by the very recipes of long ones on a CPU.

    DLIC_DATA=... python benchmarks/gpu_training.py pack PACK [--mb 60]     # here: pictures and weights, to be sent
    python benchmarks/gpu_training.py train PACK OUT [--minutes 10] [RECIPE ...]            # there
    python benchmarks/gpu_training.py train PACK OUT --device cpu --steps 3 --batch 2       # here, to see it work

PACK is laid out as $DLIC_DATA is, and takes its place: pictures as WebP, large ones made smaller first, and as much of
VGG-19 as the recipes look through. Recipes (the decoder's second and third act by default) run one after another, each
from the weights of the one before, in equal shares of the time; bf16, batches of 64, a worker a core for base layers.
A few batches of each are timed first, so that its schedule ends with its share. Prints JSON: steps a second, how long
the GPU waited for base layers, batches a second of the loader alone, figures, weights.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from clock import Clock
from PIL import Image
from safetensors.torch import load_file, save_file

from dlic_datamodules.places import place
from dlic_registry import load
from lightning_dlic.frozen.vgg import FILE, vgg_layers
from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.build import build_data
from lightning_dlic.training.fit import fit
from lightning_dlic.versions import versions

ACTS = ["zoo/decoder_features", "zoo/decoder_look"]
FOLDERS = ("photos/valid", "photos/train", "imagenet/train")
# Up to and with convolution 4_4 of VGG-19, and its activation: as deep as any recipe looks.
DEEPEST = 26
LARGE, PROBE = 900, 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    packing = verbs.add_parser("pack")
    packing.add_argument("pack", type=Path)
    packing.add_argument("--mb", type=float, default=60.0, help="most megabytes of the folder")
    training = verbs.add_parser("train")
    training.add_argument("pack", type=Path)
    training.add_argument("out", type=Path)
    training.add_argument("recipes", nargs="*", default=ACTS)
    training.add_argument("--minutes", type=float, default=10.0, help="of all recipes together, probes included")
    training.add_argument("--steps", type=int, help="of each recipe, instead of --minutes; nothing is timed first")
    training.add_argument("--batch", type=int, default=64)
    training.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    training.add_argument("--device", default="gpu", help="gpu, cpu or auto")
    training.add_argument("--init", help="weights that the first recipe starts from, instead of its own")
    training.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="overrides of every recipe")
    options = parser.parse_args()
    print(json.dumps(pack(options.pack, options.mb) if options.verb == "pack" else train(options), indent=2))


# Packing


def pack(folder: Path, most: float) -> dict[str, Any]:
    """Fills a folder with what the recipes read."""
    if folder.exists():
        sys.exit(f"{folder} is there already")
    weights = _pack_weights(folder / "weights" / FILE)
    left = most * 1e6 * 0.98 - weights
    sources = {name: sorted(path for path in place(None, name).rglob("*") if path.is_file()) for name in FOLDERS}
    # Of what quality they fit is foretold by a sample; the rest is cut off evenly.
    every = [path for paths in sources.values() for path in paths]
    sample = every[:: max(1, len(every) // 48)]
    for quality in (92, 88, 84, 80, 75):
        mean = sum(len(_smaller(path, quality)) for path in sample) / len(sample)
        if mean * len(every) <= left:
            break
    share = min(1.0, left / (mean * len(every)))
    written, counts = 0, dict.fromkeys(FOLDERS, 0)
    for name, paths in sources.items():
        kept = 1.0 if name == FOLDERS[0] else share
        for number, path in enumerate(paths):
            if int((number + 1) * kept) == int(number * kept):
                continue
            data = _smaller(path, quality)
            if written + len(data) > left:
                continue
            target = folder / name / f"{number:04d}.webp"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            written, counts[name] = written + len(data), counts[name] + 1
    return {"bytes": written + weights, "weights": weights, "quality": quality, "pictures": counts}


def _smaller(path: Path, quality: int) -> bytes:
    """A picture as WebP; a large one is halved, so that nothing of its own compression is left."""
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    if max(picture.size) > LARGE:
        picture = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, format="webp", quality=quality, method=4)
    return out.getvalue()


def _pack_weights(target: Path) -> int:
    source = place(None, "weights") / FILE
    if not source.is_file():
        sys.exit(f"no {source}")
    given = {key.removeprefix("features."): value for key, value in load_file(source).items()}
    target.parent.mkdir(parents=True)
    save_file({key: given[key].half() for key in vgg_layers(DEEPEST).state_dict()}, target)
    return target.stat().st_size


# Training


def train(options: argparse.Namespace) -> dict[str, Any]:
    """Trains recipes one after another."""
    os.environ["DLIC_DATA"] = str(options.pack.resolve())
    options.out.mkdir(parents=True, exist_ok=True)
    begun, source, runs = time.perf_counter(), options.init, []
    for number, recipe in enumerate(options.recipes):
        left = options.minutes * 60.0 - (time.perf_counter() - begun)
        run = _act(recipe, source, left / (len(options.recipes) - number), options)
        source = run["weights"]
        runs.append(run)
        print(json.dumps(run), file=sys.stderr, flush=True)
    return {"minutes": round((time.perf_counter() - begun) / 60, 2), "versions": versions("av"), "runs": runs}


def _act(name: str, source: str | None, seconds: float, options: argparse.Namespace) -> dict[str, Any]:
    begun, common = time.perf_counter(), _common(source, options)
    loader = _loader_rate(name, common, options.workers if options.steps is None else 1)
    steps, probe = options.steps, None
    if steps is None:
        probe = _fit(name, [*common, *_length(PROBE), "trainer.limit_val=1"], "probe")
        rest = seconds - (time.perf_counter() - begun) - probe["around"]
        steps = max(1, int(probe["steps_per_second"] * rest * 0.97))
        common.append(f"callbacks.clock.seconds={rest:.0f}")
    done = _fit(name, [*common, *_length(steps)], "run")
    kept = options.out / f"{name.rpartition('/')[2]}.safetensors"
    shutil.copyfile(done["weights"], kept)
    told = {"recipe": name, "planned": steps, "loader_batches_per_second": loader}
    return {**told, **done, "weights": str(kept), **({} if probe is None else {"probe": probe})}


def _common(source: str | None, options: argparse.Namespace) -> list[str]:
    codecs = ["hevc", "hevc", "hevc", "hevc", "avif", "avif", "avif", "vvc"]
    able = [name for name in codecs if load("codec", name)().missing() is None]
    given = [] if source is None else [f"stages.reconstruction.init={source}"]
    return [
        *(f"trainer.accelerator={options.device}", "trainer.devices=1", "trainer.threads=null"),
        *("trainer.precision=bf16-mixed", "trainer.progress=false", "trainer.deterministic=false"),
        *(f"data.args.batch_size={options.batch}", f"data.args.workers={options.workers}"),
        *(f"data.args.transform.codec=[{','.join(able)}]", f"run.root={options.out.resolve() / 'runs'}"),
        *("callbacks.clock.name=clock:Clock", *given, *options.set),
    ]


def _length(steps: int) -> list[str]:
    return [f"trainer.{key}={steps}" for key in ("max_steps", "val_every", "checkpoint_every")]


def _loader_rate(name: str, overrides: Iterable[str], workers: int) -> float:
    """Batches a second that the workers make when nobody trains on them."""
    data = build_data(load_recipe(name, list(overrides)))
    data.configure(steps=1_000_000, seed=1)
    data.prepare_data()
    data.setup("fit")
    batches = iter(data.train_dataloader())
    # What the workers have made in advance is not counted.
    for _ in range(3 * workers):
        next(batches)
    begun = time.perf_counter()
    for _ in range(3 * workers):
        next(batches)
    return round(3 * workers / (time.perf_counter() - begun), 3)


def _fit(name: str, overrides: list[str], what: str) -> dict[str, Any]:
    begun = time.perf_counter()
    result = fit(load_recipe(name, [*overrides, f"run.name={name.rpartition('/')[2]}-{what}-{os.getpid()}"]))
    if not result.run.weights.is_file():
        sys.exit(f"interrupted; goes on by dlic-fit --resume {result.run.folder}")
    seen = dict(Clock.seen)
    around = time.perf_counter() - begun - seen["seconds"]
    figures = {} if result.figures is None else {"trained": result.figures.net, "bicubic": result.figures.baseline}
    return {**seen, "around": round(around, 1), "figures": figures, "weights": str(result.run.weights)}


if __name__ == "__main__":
    main()
