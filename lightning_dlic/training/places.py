"""Relative paths as a run records them: absolute, so that it goes on from whatever folder it is called in."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

from dlic_datamodules.places import place
from dlic_registry import load
from lightning_dlic.recipe import Recipe
from lightning_dlic.zoo.cards import names_card
from lightning_dlic.zoo.hub import names_hub, pinned


def placed(recipe: Recipe) -> Recipe:
    """A recipe whose relative paths start from the root instead of from the working directory.

    Args:
        recipe: A checked recipe.

    Returns:
        A copy. Where its data set says which of its arguments are paths, those, and the folder that it takes where
        the recipe names none; and the weights to start from.
    """
    copy = deepcopy(recipe)
    data: Any = load("data", copy.data.name)
    if getattr(data, "default_root", "") and copy.data.args.get("root") is None:
        copy.data.args["root"] = str(place(None, data.default_root))
    for name in getattr(data, "path_args", ()):
        if copy.data.args.get(name):
            copy.data.args[name] = _absolute(copy.data.args[name])
    for stage in copy.stages.values():
        stage.init, stage.weights = _absolute(stage.init), _absolute(stage.weights)
        for net in stage.args.values():
            # A network that is given as a file.
            if isinstance(net, dict) and isinstance(net.get("name"), str) and isinstance(net.get("file"), str):
                net["file"] = _absolute(net["file"])
    return copy


def _absolute(value: Any) -> Any:
    if isinstance(value, list):
        return [_absolute(item) for item in value]
    if isinstance(value, dict):
        return {name: _absolute(item) for name, item in value.items()}
    if names_hub(value):
        # A run is of the file that it began with, whatever comes to that repository later.
        return pinned(value)
    if not isinstance(value, str) or value.startswith("~") or "://" in value or names_card(value):
        return value
    return str(Path.cwd() / value)
