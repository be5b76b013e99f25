"""Kills trainings at 28 points of their course, goes on with them, and compares what is left with an undisturbed one's.

    python benchmarks/kill_points.py [--case KIND,ACCUMULATE,SIGNAL,POINT ...] [--repeat 1] [--json FILE]

Every training is a process of its own that runs ``dlic-fit``, and sends itself the signal when it comes to the point.
They are forked from this one, which has imported everything, so that each costs a second and not ten. A run that was
killed before its first checkpoint starts anew, as ``dlic-fit --resume`` then says. With ``--repeat 2`` the resumed run
is killed too, where it comes to that point once more.

Equal are, byte by byte, the weights and the best weights; all of the last checkpoint but the recipe's names; every row
of ``metrics.csv``; the figures. Prints JSON; exit status 1 where anything differs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image

from lightning_dlic.cli.main import fit_main
from lightning_dlic.stages.base import Stage
from lightning_dlic.training import conclude, samples
from lightning_dlic.training.best import Best
from lightning_dlic.training.checkpoints import Checkpoints
from lightning_dlic.training.interrupt import Interrupt
from lightning_dlic.training.metrics_file import MetricsFile
from lightning_dlic.versions import versions

# A checkpoint every 5 batches lies inside an accumulation of 2 or 3; every 2 are validated, so that both meet at 10,
# and at the end, where the last step gathers fewer batches than the others.
STEPS, CHECKPOINT, VALIDATION = 14, 5, 2
STAGES = {
    "plain": ("compact", "width: 8, blocks: 1", "net"),
    "gan": (
        "srgan",
        "generator: {name: compact, width: 8, blocks: 1}, "
        "discriminator: {name: srgan_discriminator, width: 4, dense: 8}",
        "generator",
    ),
}
SECONDS = 120


def at(batch: int) -> Callable[[Any], bool]:
    """Whether a stage among the arguments has seen so many batches."""

    def met(arguments: Any) -> bool:
        stages = [value for value in arguments if isinstance(value, Stage)]
        return bool(stages) and stages[0].batches == batch

    return met


def since(batch: int) -> Callable[[Any], bool]:
    """Whether a stage among the arguments has seen so many batches or more."""
    return lambda arguments: any(isinstance(value, Stage) and value.batches >= batch for value in arguments)


def named(text: str) -> Callable[[Any], bool]:
    """Whether one of the arguments is a path of that name."""
    return lambda arguments: any(isinstance(value, Path) and value.name == text for value in arguments)


def always(_: Any) -> bool:
    """The first time."""
    return True


def nth(count: int, met: Callable[[Any], bool] = always) -> Callable[[Any], bool]:
    """A condition met for the nth time."""
    seen = []

    def reached(arguments: Any) -> bool:
        seen.extend([None] * met(arguments))
        return len(seen) == count

    return reached


# An object, the name of its function, whether before, after or in the middle of it, and when.
Point = tuple[Any, str, str, Callable[[Any], bool]]
POINTS: dict[str, Point] = {
    "before the first batch": (Checkpoints, "on_train_start", "before", always),
    "in the first batch": (Stage, "training_step", "before", at(0)),
    "before a batch": (Stage, "training_step", "before", at(6)),
    "after a role's backward pass and step": (Stage, "_step", "after", at(7)),
    "before an optimizer's step": (Stage, "on_before_optimizer_step", "before", since(7)),
    "after a batch's last step": (Stage, "training_step", "after", at(9)),
    "before the end of a batch": (Interrupt, "on_train_batch_end", "before", at(7)),
    "before a checkpoint": (Checkpoints, "save", "before", at(10)),
    "in half a checkpoint": (torch, "save", "half", nth(2)),
    "before a checkpoint has its name": (Path, "replace", "before", named("step-00000010.ckpt")),
    "before the newest checkpoint is the last": (os, "link", "before", named("step-00000010.ckpt")),
    "before older checkpoints go": (Checkpoints, "_prune", "before", nth(2)),
    "after a checkpoint, before the validation": (Best, "on_validation_start", "before", at(10)),
    "in a validation": (Stage, "validation_step", "after", at(10)),
    "before a sample has its picture": (samples, "save_png", "before", nth(8)),
    "before the best weights have their name": (Path, "replace", "before", nth(2, named("best.safetensors"))),
    "after a validation, before it is recorded": (Checkpoints, "on_validation_end", "before", at(10)),
    "before the metrics are written": (MetricsFile, "flush", "before", nth(2)),
    "before the weights": (conclude, "save_net", "before", always),
    "before the result": (conclude, "write_result", "before", always),
    "while the recipe is written": (Path, "replace", "before", named("recipe.yaml")),
    "while the metrics are written": (Path, "replace", "before", nth(2, named("metrics.csv"))),
    "while the last checkpoint is written": (Path, "replace", "before", named("step-00000014.ckpt")),
    "while the last checkpoint gets its second name": (Path, "replace", "before", nth(3, named("last.ckpt"))),
    "while the best weights are written": (Path, "replace", "before", named("best.safetensors")),
    "while the weights are written": (Path, "replace", "before", named("weights.safetensors")),
    "while the pipeline is written": (Path, "replace", "before", named("pipeline.yaml")),
    "while the result is written": (Path, "replace", "before", named("result.json")),
}
"""The last eight are inside the writing of a file, by when all of it is there but its name."""


# Kind, batches a step, signal, point.
Case = tuple[str, int, str, str]
ALL: list[Case] = list(itertools.product(STAGES, (1, 2, 3), ("TERM", "KILL"), POINTS))
SIGNALS = {
    "TERM": (signal.SIGTERM,),
    "INT": (signal.SIGINT,),
    "INT2": (signal.SIGINT, signal.SIGINT),
    "KILL": (signal.SIGKILL,),
}


def aim(name: str, numbers: tuple[int, ...]) -> None:
    """Makes this process send itself signals when it comes to a point."""
    owner, function, when, met = POINTS[name]
    original = getattr(owner, function)

    def shoot() -> None:
        for number in numbers:
            os.kill(os.getpid(), number)

    def shot(*arguments: Any, **others: Any) -> Any:
        if not met([*arguments, *others.values()]):
            return original(*arguments, **others)
        setattr(owner, function, original)
        if when == "half":
            arguments[1].write(bytes(2000))
            arguments[1].flush()
            shoot()
            arguments[1].seek(0)
        if when == "before":
            shoot()
        made = original(*arguments, **others)
        if when == "after":
            shoot()
        return made

    setattr(owner, function, shot)


def run(words: list[str], log: Path, point: str | None, numbers: tuple[int, ...] = ()) -> int:
    """Runs ``dlic-fit`` in a process of its own; its exit status, negative where a signal ended it."""
    child = os.fork()
    if child == 0:
        os.setsid()
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        if point is not None:
            aim(point, numbers)
        sys.argv = ["dlic-fit", *words]
        status = 70
        try:
            fit_main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            sys.stdout.flush()
            os._exit(status)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise TimeoutError(f"{words}: no end after {SECONDS} s; see {log}")


def differences(one: Any, other: Any, where: str = "") -> Iterator[str]:
    """Where two nested values are not the same; what names the run itself aside."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {**one, **other}:
            if key not in ("recipe", "seconds"):
                yield from differences(one.get(key), other.get(key), f"{where}/{key}")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from differences(left, right, f"{where}/{index}")
    elif not (torch.equal(one, other) if torch.is_tensor(one) and torch.is_tensor(other) else one == other):
        yield where


def compare(whole: Path, parts: Path) -> list[str]:
    """What differs between two finished runs."""
    found = []
    for name in ("weights.safetensors", "best.safetensors", "metrics.csv"):
        if (whole / name).read_bytes() != (parts / name).read_bytes():
            found.append(name)
    last = [torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True) for folder in (whole, parts)]
    found += [f"last.ckpt{place}" for place in differences(*last)]
    found += [f"left behind: {path.name}" for path in parts.rglob("*") if path.suffix in (".part", ".new", ".tmp")]
    results = [json.loads((folder / "result.json").read_text()) for folder in (whole, parts)]
    return found + [f"result.json{place}" for place in differences(*results)]


def write_recipes(folder: Path) -> None:
    """Pictures of noise with some order in it, and a recipe a kind."""
    draw = np.random.default_rng(0)
    for part, count in (("train", 5), ("valid", 2)):
        (folder / "pictures" / part).mkdir(parents=True)
        for number in range(count):
            rows = np.kron(draw.integers(0, 256, (10, 12, 3)), np.ones((4, 4, 1)))
            Image.fromarray(rows.astype(np.uint8)).save(folder / "pictures" / part / f"{number}.png")
    for kind, (stage, args, role) in STAGES.items():
        (folder / f"{kind}.yaml").write_text(f"""\
extends: [base/sr.yaml]
train: sr
stages: {{sr: {{name: {stage}, args: {{scale: 2, channels: 3, {args}}}}}}}
optim: {{{role}: {{name: adam, lr: 0.003, schedule: {{name: onecycle}}}}}}
data: {{name: folder, args: {{root: "{folder / "pictures"}", crop: 24, batch_size: 2, workers: 0}}}}
trainer: {{accelerator: cpu, devices: 1, threads: 1, max_steps: {STEPS}, val_every: {VALIDATION}, log_every: 1,
  checkpoint_every: {CHECKPOINT}, ema: 0.9, clip_norm: 0.5, progress: false}}
run: {{root: "{folder / "runs"}"}}
""")


def attempt(
    folder: Path, start: list[str], kind: str, point: str, numbers: tuple[int, ...], repeat: int
) -> dict[str, Any]:
    """Starts a run, kills it, goes on until it is finished; what happened."""
    parts, log = folder / "runs" / kind / "parts", folder / "parts.log"
    shutil.rmtree(parts, ignore_errors=True)
    log.unlink(missing_ok=True)
    statuses = [run([*start, "run.name=parts"], log, point, numbers)]
    anew = 0
    while statuses[-1] != 0:
        if len(statuses) > 8:
            raise RuntimeError(f"{kind}, {point}: {statuses}\n{log.read_text()[-3000:]}")
        again = point if len(statuses) < repeat else None
        if parts.is_dir() and any(parts.glob("checkpoints/*.ckpt")):
            statuses.append(run(["--resume", str(parts)], log, again, numbers))
        else:
            shutil.rmtree(parts, ignore_errors=True)
            anew += 1
            statuses.append(run([*start, "run.name=parts"], log, again, numbers))
    return {"statuses": statuses, "anew": anew}


def campaign(folder: Path, cases: list[Case], repeat: int) -> Iterator[dict[str, Any]]:
    """All runs asked for, one after the other."""
    write_recipes(folder)
    for kind, accumulate, name, point in cases:
        start = [str(folder / f"{kind}.yaml"), f"trainer.accumulate={accumulate}"]
        whole = folder / "runs" / kind / f"whole-{accumulate}"
        if not whole.is_dir() and run([*start, f"run.name={whole.name}"], folder / "whole.log", None) != 0:
            raise RuntimeError((folder / "whole.log").read_text()[-3000:])
        made = attempt(folder, start, kind, point, SIGNALS[name], repeat)
        different = compare(whole, whole.with_name("parts"))
        facts = {"kind": kind, "accumulate": accumulate, "signal": name, "point": point}
        yield {**facts, **made, "different": different[:10]}


def read_case(text: str) -> Case:
    """A case as the command line has it."""
    kind, accumulate, name, point = text.split(",", 3)
    return kind, int(accumulate), name, point


def main() -> None:
    """Parses, runs, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--case", type=read_case, action="append", help="KIND,ACCUMULATE,SIGNAL,POINT; all by default")
    parser.add_argument("--repeat", type=int, default=1, help="how often a run is killed")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    begun, runs = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DLIC_CACHE"] = f"{folder}/cache"
        os.environ.pop("DLIC_RUN_DIR", None)
        for made in campaign(Path(folder), options.case or ALL, options.repeat):
            runs.append(made)
            if made["different"]:
                print(json.dumps(made), file=sys.stderr, flush=True)
    killed = [made for made in runs if made["statuses"][0] != 0]
    result = {
        "what": "killed runs that went on, beside undisturbed ones: weights, best weights, last checkpoint, metrics",
        "settings": {
            "batches": STEPS,
            "checkpoint_every": CHECKPOINT,
            "val_every": VALIDATION,
            "repeat": options.repeat,
        },
        "runs": len(runs),
        "killed": len(killed),
        "equal": sum(not made["different"] for made in runs),
        "seconds": round(time.monotonic() - begun),
        "versions": versions(),
        "details": runs,
    }
    text = json.dumps(result, indent=1)
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(text + "\n")
    print(
        text if options.json is None else json.dumps({key: value for key, value in result.items() if key != "details"})
    )
    sys.exit(int(result["equal"] != len(runs)))


if __name__ == "__main__":
    main()
