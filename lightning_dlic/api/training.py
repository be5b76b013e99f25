"""Training by recipe, from Python."""

from __future__ import annotations

from pathlib import Path

from lightning_dlic.recipe import load_recipe
from lightning_dlic.training.fit import Result
from lightning_dlic.training.fit import fit as run


def fit(recipe: str | Path, *overrides: str) -> Result:
    """Trains the stages of a recipe, as ``dlic-fit`` does.

    Args:
        recipe: Path of a recipe, or the name of one that ships.
        *overrides: ``key=value`` texts that win over the file, such as ``trainer.max_steps=1000``.

    Returns:
        The run's folder, its batches and its figures.

    Raises:
        DlicError: The recipe or the data cannot be used, or the training diverged.
    """
    return run(load_recipe(recipe, overrides))
