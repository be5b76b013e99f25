"""Damaged weights files, checkpoints and recipes: their structure kept, what it holds changed."""

from __future__ import annotations

import atexit
import contextlib
import copy
import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dlic_registry import DlicError
from fuzzing.streams import mutate

_ODD: list[Any] = [None, True, -1, 0, 1, 4096, 4097, 1 << 40, -(1 << 70), 1e308, -0.5, float("nan"), float("inf"), ""]
_ODD += [
    "\x1b[31m",
    "a" * 5000,
    "\x00",
    [],
    {},
    [[1]],
    {"a": {"b": 1}},
    "../../x",
    "pnns_fc",
    "srresnet",
    [1 << 30] * 3,
]
_LINES = ["&a [*a]", "!!python/object/apply:os.system [ls]", "a: ${a}", "? {x: 1}", "- - - 1", "\t", "key: \x1b[2J"]
_LINES += ["{" * 300, "trainer: {max_steps: 1e99}", "stages: null", "x" * 20000, "seed: 0x1F", "<<: {a: 1}"]
_LINES += ["extends: [base/sr.yaml]"]
_ANY = "surrogateescape"


@cache
def folder() -> Path:
    """Where one file at a time lies."""
    made = Path(tempfile.mkdtemp(prefix="dlic-fuzz-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@cache
def picture() -> str:
    """A small picture."""
    from PIL import Image

    Image.new("RGB", (8, 8)).save(folder() / "picture.png")
    return str(folder() / "picture.png")


def weights(seed: int) -> Iterator[bytes]:
    """Weights files, damaged without end."""
    from dlic_registry import load
    from lightning_dlic.zoo import save_net

    random, seeds = np.random.default_rng(seed), []
    for name, args, meta in (
        ("compact", {"width": 8, "blocks": 1}, {"scale": 2, "channels": 1, "kind": "sr"}),
        ("srcnn", {}, {"scale": 2, "channels": 1, "kind": "sr"}),
    ):
        net: Any = load("net", name)
        known = {key: meta[key] for key in ("scale", "channels")}
        save_net(folder() / "seed.safetensors", net(**known, **args), {**meta, "net": {"name": name, "args": args}})
        seeds.append((folder() / "seed.safetensors").read_bytes())
    while True:
        data = seeds[random.integers(0, len(seeds))]
        yield mutate(data[:600], random) + data[600:] if random.integers(0, 4) == 0 else _other_header(data, random)


def _other_header(data: bytes, random: np.random.Generator) -> bytes:
    """A safetensors file whose JSON says something else, its length right."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    if random.integers(0, 2):
        record = json.loads(header["__metadata__"]["dlic"])
        _change(record, random)
        header["__metadata__"]["dlic"] = json.dumps(record)
    else:
        _change(header, random)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def _change(tree: Any, random: np.random.Generator) -> None:
    """Another value somewhere in a tree, or a key more or less."""
    while True:
        keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        if not keys:
            break
        key = keys[random.integers(0, len(keys))]
        if isinstance(tree[key], dict | list) and len(tree[key]) and random.integers(0, 4):
            tree = tree[key]
            continue
        if random.integers(0, 5) == 0:
            del tree[key]
        else:
            tree[key] = _ODD[random.integers(0, len(_ODD))]
        return
    if isinstance(tree, dict):
        tree["odd"] = _ODD[random.integers(0, len(_ODD))]


def run_weights(data: bytes) -> str:
    """Loads a weights file, and describes it."""
    from lightning_dlic.cli.info import describe
    from lightning_dlic.zoo import load_net

    path = folder() / "damaged.safetensors"
    path.write_bytes(data)
    describe(str(path))
    load_net(path)
    return "loaded"


def checkpoints(seed: int) -> Iterator[bytes]:
    """Checkpoints, damaged without end; two thirds of them with the archive's checksums mended."""
    import torch

    from dlic_registry import load
    from lightning_dlic.training.checkpoint_file import write

    random, args = np.random.default_rng(seed), {"scale": 2, "width": 8, "blocks": 1}
    torch.manual_seed(0)
    state: Any = load("sr", "compact")(**args).state_dict()
    owner = {"kind": "sr", "name": "compact", "distribution": "lightning-dlic", "version": "0.1.0"}
    recipe = {"stages": {"sr": {"name": "compact", "args": args}}, "trainer": {}}
    record: dict[str, Any] = {
        "dlic": {"stages": {"sr": owner}, "recipe": recipe},
        "dlic_batches": 7,
        "callbacks": {},
        "loops": {"fit_loop": {}},
        "lr_schedulers": [],
    }
    rest = {"state_dict": state, "optimizer_states": [{"state": {0: dict(list(state.items())[:2])}}]}

    def packed(told: dict[str, Any]) -> bytes:
        write({**told, **rest}, folder() / "seed.ckpt")
        return (folder() / "seed.ckpt").read_bytes()

    data = packed(record)
    while True:
        kind = random.integers(0, 3)
        if kind == 0:
            yield mutate(data, random)
        elif kind == 1:
            yield _repacked(data, random)
        else:
            other = copy.deepcopy(record)
            _change(other, random)
            yield packed(other)


def _repacked(data: bytes, random: np.random.Generator) -> bytes:
    """A zip archive with some members damaged, missing or twice, and all checksums right."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            body, kind = old.read(name), random.integers(0, 6)
            if kind == 0:
                continue
            new.writestr(name, mutate(body, random) if kind in (1, 2) and body else body)
    return out.getvalue()


def run_checkpoint(data: bytes) -> str:
    """Reads a checkpoint as who resumes does, and its network as who enlarges pictures does."""
    from lightning_dlic.api.targets import find_target, load_target_net
    from lightning_dlic.training.checkpoint_file import DamagedError, read

    path = folder() / "damaged.ckpt"
    path.write_bytes(data)
    try:
        read(path)
    except DamagedError as error:
        return f"damaged: {error}"
    load_target_net(find_target(str(path)))
    return "loaded"


def recipes(seed: int) -> Iterator[bytes]:
    """Recipes that ship, damaged without end."""
    random, found = np.random.default_rng(seed), Path(__file__).parents[2] / "recipes"
    seeds = [path.read_text() for path in sorted(found.rglob("*.yaml")) if "sweeps" not in path.parts]
    for text in seeds:
        # What they name is imported once; that is not a damaged recipe's doing.
        with contextlib.suppress(DlicError):
            run_recipe(text.encode())
    while True:
        yield _other_lines(seeds[random.integers(0, len(seeds))], random).encode("utf-8", _ANY)


def _other_lines(text: str, random: np.random.Generator) -> str:
    lines = text.splitlines()
    for _ in range(random.integers(1, 4)):
        kind, at = random.integers(0, 6), int(random.integers(0, len(lines)))
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[random.integers(0, len(lines))])
        elif kind == 2:
            lines.insert(at, _LINES[random.integers(0, len(_LINES))])
        elif kind == 3:
            key, colon, _ = lines[at].partition(":")
            lines[at] = f"{key}{colon} {json.dumps(_ODD[random.integers(0, len(_ODD))])}"
        elif kind == 4:
            lines[at] = " " * int(random.integers(0, 9)) + lines[at].strip()
        else:
            lines[at] = mutate(lines[at].encode("utf-8", _ANY), random).decode("utf-8", _ANY)
        lines = lines or [""]
    return "\n".join(lines)


def run_recipe(data: bytes) -> str:
    """Reads and checks a recipe."""
    from lightning_dlic.recipe import check, load_recipe

    path = folder() / "damaged.yaml"
    path.write_bytes(data)
    check(load_recipe(str(path)))
    return "loaded"
