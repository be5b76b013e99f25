"""Every set trains every stage: the set's own layout made small, the real training, one process."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, Features, Image
from picture_maker import encoded, noise, write_pictures

from dlic_registry import entries
from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.fit import fit

SIZE = (40, 44)
# Losses that need no downloaded network; sizes that train in a blink.
STAGES = {
    "srcnn": "args: {scale: 2}",
    "compact": "args: {scale: 2, width: 8, blocks: 1}",
    "learned_downsize": "args: {scale: 2, net: {name: compact, width: 8, blocks: 1}, width: 8, blocks: 1}",
    "regression": "args: {scale: 2, net: {name: compact, width: 8, blocks: 1}}",
    "srresnet": "args: {scale: 2, width: 8, blocks: 1}",
    "srgan": "args: {scale: 2, generator: {name: compact, width: 8, blocks: 1}}",
}
LOSSES = {"srgan": "losses: {content: {name: mse, weight: 1.0}}"}


def _parquet(root: Path) -> None:
    root.mkdir(parents=True)
    for split, count in (("train", 24), ("validation", 2)):
        cells = [{"bytes": encoded(noise(*SIZE, seed=n)), "path": None} for n in range(count)]
        table = Dataset.from_dict({"image": cells}, features=Features({"image": Image()}))
        table.to_parquet(root / f"{split}-00000-of-00001.parquet")


def _sample(_: Path) -> str:
    return "{name: sample, args: {val_crop: 40}}"


def _folder(root: Path) -> str:
    write_pictures(root / "train", 4, SIZE)
    write_pictures(root / "valid", 1, SIZE)
    return f'{{name: folder, args: {{root: "{root}"}}}}'


def _paired(root: Path) -> str:
    for part, count in (("train", 4), ("valid", 1)):
        write_pictures(root / "large" / part, count, SIZE)
        write_pictures(root / "small" / part, count, (SIZE[0] // 2, SIZE[1] // 2))
    return f'{{name: paired, args: {{root: "{root / "large"}", base: "{root / "small"}"}}}}'


def _div2k(root: Path) -> str:
    write_pictures(root / "DIV2K_train_HR", 4, SIZE, start=1)
    write_pictures(root / "DIV2K_valid_HR", 1, SIZE, start=801)
    return f'{{name: div2k, args: {{root: "{root}"}}}}'


def _raise(root: Path) -> str:
    tifffile = pytest.importorskip("tifffile")
    root.mkdir()
    for number in range(4):
        deep = noise(SIZE[0] * 2, SIZE[1] * 2, seed=number).astype(np.uint16) * 257
        tifffile.imwrite(root / f"r{number}t.TIF", deep, photometric="rgb")
    return f'{{name: raise, args: {{root: "{root}", downsize: 2}}}}'


def _faces(root: Path) -> str:
    for person in range(4):
        write_pictures(root / f"s{person}", 2, SIZE, suffix=".pgm")
    return f'{{name: faces, args: {{root: "{root}", gray: true}}}}'


def _faces_hub(root: Path) -> str:
    _parquet(root)
    return f'{{name: faces, args: {{repo: "{root}"}}}}'


def _imagenet(root: Path) -> str:
    write_pictures(root / "train" / "n01440764", 4, SIZE, suffix=".JPEG")
    write_pictures(root / "val" / "n01440764", 1, SIZE, suffix=".JPEG")
    return f'{{name: imagenet, args: {{root: "{root}"}}}}'


def _imagenet_streamed(root: Path) -> str:
    _parquet(root)
    return f'{{name: imagenet, args: {{repo: "{root}", streaming: true, val_limit: 1}}}}'


SETS: dict[str, Callable[[Path], str]] = {
    "sample": _sample,
    "folder": _folder,
    "paired": _paired,
    "div2k": _div2k,
    "raise": _raise,
    "faces": _faces,
    "imagenet": _imagenet,
    "faces from parquet": _faces_hub,
    "imagenet streamed": _imagenet_streamed,
}


def test_the_table_is_complete() -> None:
    assert {entry.name for entry in entries("data") if entry.distribution == "lightning-dlic"} <= set(SETS)
    assert {entry.name for entry in entries("sr") if entry.distribution == "lightning-dlic"} == set(STAGES)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_set_trains_every_stage(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub")
    data = SETS[name](tmp_path / "set")
    # A set's second way in differs in how it finds pictures; one stage shows that they arrive.
    stages = dict(STAGES) if " " not in name else {"srgan": STAGES["srgan"]}
    if name == "paired":
        del stages["learned_downsize"]  # which makes its own small pictures
    for stage, arguments in stages.items():
        path = tmp_path / f"{stage}.yaml"
        # What a user would change: a word of the stage, a word of the set.
        path.write_text(f"""\
extends: [base/sr.yaml]
stages: {{sr: {{name: {stage}, {arguments}}}}}
{LOSSES.get(stage, "")}
data: {data}
trainer: {{accelerator: cpu, devices: 1, max_steps: 2, val_every: 2, checkpoint_every: 2, progress: false}}
run: {{root: "{tmp_path / "runs"}"}}
""")
        result = fit(load_recipe(path, ["data.args.crop=24", "data.args.batch_size=2", "data.args.workers=0"]))
        assert result.batches == 2
        written = json.loads((result.run.folder / "result.json").read_text())
        assert written["batches"] == 2
        assert (result.run.folder / "weights.safetensors").is_file()
