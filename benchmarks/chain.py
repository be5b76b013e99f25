"""What a chain's training was worth, and whether its run is a codec: a finished run's figures. JSON.

    python benchmarks/chain.py RUN --data FOLDER [--bytes 2000] [--effort 5] [--sheet FILE] [--json FILE]

Figures are on the run's validation pictures: without networks, with the weights it started from, and with the final
ones (not the best); with the hints that files carry, as the recipe's transforms make them, and with plain ones, the
mean colours of regions, on which nothing was trained. Each trained network is compared with what it started from. Then
each picture below the folder is compressed by ``dlic compress --pipeline RUN`` and decoded by ``dlic decompress
--pipeline RUN --strict``, each a process of its own, and decoded here once more: the pixels must be the same. Exit
status 1 where a network has not changed, or a file does not come back. `--sheet` shows the middle of each picture, as
it was and decoded.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from lightning_dlic import decompress
from lightning_dlic.metrics.functional import psnr
from lightning_dlic.pipeline.pictures import load_picture
from lightning_dlic.pipeline.plan import find_pipeline
from lightning_dlic.recipe import Recipe, load_recipe
from lightning_dlic.training.build import build, build_data
from lightning_dlic.training.initial import read_tensors
from lightning_dlic.training.report import measure
from lightning_dlic.training.run import Run
from lightning_dlic.versions import versions

_SIDE = 256


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="pictures to compress")
    parser.add_argument("--bytes", type=int, default=2000)
    parser.add_argument("--effort", type=int, default=5, help="of the codec's search")
    parser.add_argument("--sheet", type=Path, help="a picture to write: rows of original and decoded")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="overrides for measuring")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    run = Run(options.run)
    recipe, result = load_recipe(run.recipe, options.set), json.loads(run.result.read_text())
    rows = [coded(run, path, options.bytes, options.effort) for path in sorted(options.data.iterdir())]
    networks = {kind: change(recipe, kind, run) for kind in recipe.train}
    report = {
        "recipe": recipe.name,
        "batches": result["batches"],
        "seconds": result["seconds"],
        "settings": {key: recipe.resolved()[key] for key in ("optim", "losses", "trainer")},
        "data": {key: recipe.resolved()["data"]["args"][key] for key in ("crop", "batch_size", "transform")},
        "figures": {
            "hints of files": figures(recipe, run),
            "plain hints": figures(load_recipe(run.recipe, [*options.set, "data.args.transform.hinted=null"]), run),
        },
        "networks": networks,
        "codec": {"bytes": options.bytes, "effort": options.effort, "pictures": [row for row, _ in rows]},
        "versions": versions("pytorch-lightning"),
    }
    text = json.dumps(report, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    if options.sheet:
        Image.fromarray(np.concatenate([middles for _, middles in rows])).save(options.sheet)
    sound = all(facts["changed"] for facts in networks.values()) and all(row["same"] for row, _ in rows)
    return 0 if sound else 1


def figures(recipe: Recipe, run: Run) -> dict[str, Any]:
    """Of the chain without networks, as it started, and as it ended; the gain is from one to the other."""
    chain, initial, data = build(recipe), build(recipe), build_data(recipe)
    for kind, part in chain.trained().items():
        part.net.load_state_dict(read_tensors(str(run.weights_of(kind)), "", kind))
    data.configure(steps=1, seed=recipe.seed)
    data.setup("validate")
    (found,) = measure(chain.eval(), data.val_dataloader(), initial.eval()).values()
    assert found.initial is not None
    gain = {name: value - found.initial[name] for name, value in found.net.items()}
    rows = {"without": found.baseline, "initial": found.initial, "final": found.net, "gain": gain}
    rounded = {which: {name: round(value, 4) for name, value in row.items()} for which, row in rows.items()}
    return {"pictures": found.pictures, **rounded}


def change(recipe: Recipe, kind: str, run: Run) -> dict[str, Any]:
    """How far a network's final weights are from those it started from."""
    source = recipe.stages[kind].init
    assert source is not None
    before, after = (read_tensors(str(path), "", kind) for path in (source, run.weights_of(kind)))
    squares = sum(float((after[name] - value).double().square().sum()) for name, value in before.items())
    whole = sum(float(value.double().square().sum()) for value in before.values())
    moved = sum(not torch.equal(after[name], value) for name, value in before.items())
    return {
        "init": source,
        "changed": moved > 0,
        "tensors": len(before),
        "tensors_changed": moved,
        "relative_change": round((squares / whole) ** 0.5, 5),
    }


def coded(run: Run, path: Path, limit: int, effort: int) -> tuple[dict[str, Any], np.ndarray[Any, np.dtype[np.uint8]]]:
    """Compresses a picture and decodes it in processes of their own; gives figures, and middles to look at."""
    with tempfile.TemporaryDirectory() as folder:
        file, made = Path(folder) / "a.dlic", Path(folder) / "a.png"
        pipeline = ("--pipeline", str(run.folder))
        _dlic("compress", str(path), str(file), "--bytes", str(limit), "--effort", str(effort), *pipeline)
        _dlic("decompress", str(file), str(made), "--strict", *pipeline)
        data, decoded = file.read_bytes(), np.asarray(Image.open(made).convert("RGB"))
    again = decompress(data, pipeline=find_pipeline(run.folder), strict=True)
    original = load_picture(path)
    made_tensor, wanted = (torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] for pixels in (decoded, original))
    row = {
        "picture": path.stem,
        "bytes": len(data),
        "psnr_rgb": round(float(psnr(made_tensor, wanted)), 3),
        "same": bool(np.array_equal(again, decoded)),
    }
    return row, np.concatenate([_middle(original), _middle(decoded)], axis=1)


def _dlic(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "lightning_dlic", *words], check=True, stdout=subprocess.DEVNULL)


def _middle(picture: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    top, left = ((side - _SIDE) // 2 for side in picture.shape[:2])
    return picture[top : top + _SIDE, left : left + _SIDE]


if __name__ == "__main__":
    sys.exit(main())
