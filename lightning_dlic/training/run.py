"""A run's folder: made once, before any process forks, and known to every rank."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dlic_registry import DlicError

# Ranks are started with the same command line; this tells them that the folder is made already.
RANK_VARIABLE = "DLIC_RUN_DIR"


@dataclass(frozen=True)
class Run:
    """One training's folder.

    Attributes:
        folder: Where everything of this run lies.
    """

    folder: Path

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.folder / "recipe.yaml"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.folder / "checkpoints"

    @property
    def last(self) -> Path:
        """The newest checkpoint, from which a run goes on."""
        return self.checkpoints / "last.ckpt"

    @property
    def metrics(self) -> Path:
        """Training losses and validation figures by batch."""
        return self.folder / "metrics.csv"

    @property
    def samples(self) -> Path:
        """Folder of the validation pictures."""
        return self.folder / "samples"

    @property
    def weights(self) -> Path:
        """The trained network alone, averaged where the recipe asks for it."""
        return self.folder / "weights.safetensors"

    @property
    def best(self) -> Path:
        """The network alone, as it was at the best validation."""
        return self.folder / "best.safetensors"

    @property
    def pipeline(self) -> Path:
        """The codec that its networks make, for ``dlic compress --pipeline``."""
        return self.folder / "pipeline.yaml"

    @property
    def result(self) -> Path:
        """The final figures."""
        return self.folder / "result.json"


def create(root: Path, recipe_name: str, name: str | None) -> Run:
    """Makes the folder of a new run: ``root/recipe_name/name``, or the next free number.

    Args:
        root: Folder of all runs.
        recipe_name: The recipe's name.
        name: The run's own name, if it has one.

    Returns:
        The run; in a rank that another process started, that process's run.

    Raises:
        DlicError: A run of that name exists, or the folder cannot be made.
    """
    if os.environ.get("LOCAL_RANK", "0") != "0" and os.environ.get(RANK_VARIABLE):
        return Run(Path(os.environ[RANK_VARIABLE]))
    parent = root / recipe_name
    try:
        launched = _launch_id()
        if launched:
            # All ranks come here at once, each from its own command: they must agree without talking.
            folder = parent / (name or launched)
            folder.mkdir(parents=True, exist_ok=True)
            return Run(folder)
        folder = _claim(parent, name) if name else _claim_number(parent)
    except OSError as error:
        raise DlicError(f"run.root: cannot make a folder in {parent}: {error.strerror or error}") from error
    os.environ[RANK_VARIABLE] = str(folder.resolve())
    return Run(folder)


def _launch_id() -> str | None:
    """What torchrun or SLURM call this launch, where one of them started us."""
    if os.environ.get("TORCHELASTIC_RUN_ID"):
        return f"launch-{os.environ['TORCHELASTIC_RUN_ID']}"
    if int(os.environ.get("SLURM_NTASKS", "1")) > 1:
        return f"job-{os.environ.get('SLURM_JOB_ID', '0')}"
    return None


def _claim(parent: Path, name: str) -> Path:
    folder = parent / name
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise DlicError(
            f"run.name: {folder} exists already.\nGo on with it by --resume {folder}, or choose another name."
        ) from error
    return folder


def _claim_number(parent: Path) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    taken = [int(path.name) for path in parent.iterdir() if path.name.isdigit()]
    number = max(taken, default=0) + 1
    while True:
        folder = parent / f"{number:03d}"
        try:
            folder.mkdir()
        except FileExistsError:  # another run started at the same moment
            number += 1
        else:
            return folder


def is_first_rank() -> bool:
    """Whether this process is the one of a training that writes; known before the processes have found each other."""
    names = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "NODE_RANK", "GROUP_RANK")
    return all(os.environ.get(name, "0") == "0" for name in names)
