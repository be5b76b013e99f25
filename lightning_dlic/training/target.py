"""Which run to go on with, and from which of its checkpoints."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from dlic_registry import DlicError
from lightning_dlic.recipe.find import split_step
from lightning_dlic.training.launch import RANK_VARIABLE, is_first_rank
from lightning_dlic.training.run import Run

LATEST = "latest"
_STEP = re.compile(r"step-(\d+)\.ckpt")


@dataclass(frozen=True)
class Target:
    """What ``--resume`` names.

    Attributes:
        run: The run.
        step: Batches that the checkpoint to go on from has seen; None takes the newest.
    """

    run: Run
    step: int | None = None


def find_target(text: str, root: Path = Path("runs"), key: str = "--resume") -> Target:
    """Finds the run that ``--resume`` names. Nothing is read.

    Args:
        text: A run's folder, ``FOLDER@STEP``, ``latest``, ``latest@STEP``, or the file of a checkpoint.
        root: Below which ``latest`` is looked for.
        key: Who asks, for messages.

    Returns:
        The target.

    Raises:
        DlicError: It is no run's folder, or has no such checkpoint; the message names those there are.
    """
    named, step = split_step(text)
    path = Path(named)
    file = _STEP.fullmatch(path.name)
    if path.suffix == ".ckpt" and path.parent.name == "checkpoints":
        path, step = path.parent.parent, int(file[1]) if file else step
    elif str(path) == LATEST:
        path = _latest(root)
    run = Run(path)
    if not run.folder.is_dir() or not (run.recipe.is_file() or run.checkpoints.is_dir()):
        what = "is not a run's folder (it has no recipe.yaml)" if path.is_dir() else "is no folder"
        raise DlicError(f"{key}: {path} {what}")
    steps = kept_steps(run)
    if not steps and not run.last.is_file():
        raise DlicError(
            f"{key}: {path} holds no checkpoint yet (none at {run.last}).\nStart it anew from {run.recipe}."
        )
    if step is not None and step not in steps:
        kept = ", ".join(map(str, steps)) or "none by its batch"
        raise DlicError(
            f"{key}: {path} has no checkpoint after batch {step}; it has: {kept}.\n"
            "How many are kept: trainer.keep; how often one is saved: trainer.checkpoint_every"
        )
    return Target(run, step)


def kept_steps(run: Run) -> list[int]:
    """Batches after which a run's checkpoints were saved, ascending; ``last.ckpt`` aside."""
    found = (_STEP.fullmatch(path.name) for path in run.checkpoints.glob("step-*.ckpt"))
    return sorted(int(match[1]) for match in found if match)


def _latest(root: Path) -> Path:
    """The run below a folder that saved a checkpoint last; in a rank that another process started, that one's."""
    if not is_first_rank() and os.environ.get(RANK_VARIABLE):
        return Path(os.environ[RANK_VARIABLE])
    saved = {path: path.stat().st_mtime_ns for path in root.expanduser().rglob("checkpoints/last.ckpt")}
    if not saved:
        raise DlicError(
            f"--resume latest: no run below {root} has a checkpoint.\nIf they lie elsewhere: run.root=FOLDER"
        )
    return max(saved, key=lambda path: saved[path]).parent.parent
