"""A run's folder: made once, before any process forks, and known to every rank."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from dlic_registry import DlicError
from dlic_registry.terminal import command
from lightning_dlic.recipe import Recipe
from lightning_dlic.training.launch import agree, is_first_rank, ranks


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

    def last_samples(self) -> list[Path]:
        """The pictures of the last validation."""
        every = sorted(self.samples.glob("*-step-*.png"), key=lambda path: path.name.rpartition("-")[2])
        last = every[-1].name.rpartition("-")[2] if every else ""
        return [path for path in every if path.name.endswith(f"-{last}")]

    @property
    def weights(self) -> Path:
        """The trained network alone, averaged where the recipe asks for it."""
        return self.folder / "weights.safetensors"

    @property
    def best(self) -> Path:
        """The network alone, as it was at the best validation."""
        return self.folder / "best.safetensors"

    def weights_of(self, kind: str) -> Path:
        """A trained network of a chain, by its stage's kind."""
        return self.folder / "weights" / f"{kind}.safetensors"

    def best_of(self, kind: str) -> Path:
        """The same as it was at the chain's best validation."""
        return self.folder / "best" / f"{kind}.safetensors"

    def kept_weights(self) -> list[Path]:
        """All weights files there are, the final ones first."""
        single = [path for path in (self.weights, self.best) if path.is_file()]
        return single + [
            path for part in ("weights", "best") for path in sorted(self.folder.glob(f"{part}/*.safetensors"))
        ]

    @property
    def pipeline(self) -> Path:
        """The codec that its networks make, for ``dlic compress --pipeline``."""
        return self.folder / "pipeline.yaml"

    @property
    def result(self) -> Path:
        """The final figures."""
        return self.folder / "result.json"

    @property
    def is_barren(self) -> bool:
        """Whether nothing in it is worth keeping: no training here has come to anything that was saved."""
        kept = (self.weights, self.best, self.result)
        return not any(path.exists() for path in kept) and not any(self.checkpoints.glob("*.ckpt"))

    def discard(self) -> None:
        """Removes the folder of a training that failed before it had anything to record."""
        if self.is_barren and not self.metrics.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # other runs of the recipe are there
                self.folder.parent.rmdir()


def create(recipe: Recipe) -> tuple[Run, bool]:
    """Makes the folder of a new run: ``root/recipe/name``, or the next free number.

    A folder of that name is taken again where the training that made it came to nothing.

    Args:
        recipe: The recipe.

    Returns:
        The run, and whether this process made its folder; in other ranks, the first one's run.

    Raises:
        DlicError: A run of that name exists, or the folder cannot be made.
    """
    parent = Path(recipe.run.root).expanduser() / recipe.name
    processes, made = ranks(recipe.trainer), False

    def make(launch: str | None) -> Path:
        nonlocal made
        name = recipe.run.name or launch
        if launch is not None and not is_first_rank():
            # Made by the first task, perhaps only just now: only what others left there is a reason not to go on.
            _refuse_used(parent / str(name))
            return parent / str(name)
        try:
            folder, made = _claim(parent, name) if name else (_claim_number(parent), True)
        except OSError as error:
            raise DlicError(f"run.root: cannot make a folder in {parent}: {error.strerror or error}") from error
        return folder

    return Run(agree(make, processes)), made


def _claim(parent: Path, name: str) -> tuple[Path, bool]:
    folder = parent / name
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        _refuse_used(folder)
        return folder, False
    return folder, True


def _refuse_used(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and Run(folder).is_barren):
        raise DlicError(
            f"run.name: {folder} exists already.\n"
            f"Go on with it by {command('--resume', folder)}, or choose another name."
        )


def _claim_number(parent: Path) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    taken = [int(path.name) for path in parent.iterdir() if path.name.isdecimal() and path.name.isascii()]
    number = max(taken, default=0) + 1
    while True:
        folder = parent / f"{number:03d}"
        try:
            folder.mkdir()
        except FileExistsError:  # another run started at the same moment
            number += 1
        else:
            return folder
