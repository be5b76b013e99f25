"""Recipes: what they may say, how they are put together, and how their mistakes are told."""

from lightning_dlic.recipe.check import check, missing_weights
from lightning_dlic.recipe.errors import RecipeError
from lightning_dlic.recipe.load import load_recipe, to_yaml
from lightning_dlic.recipe.schema import NamedSpec, Recipe, RecipeSpec, RunSpec, StageSpec, TrainerSpec

__all__ = [
    "NamedSpec",
    "Recipe",
    "RecipeError",
    "RecipeSpec",
    "RunSpec",
    "StageSpec",
    "TrainerSpec",
    "check",
    "load_recipe",
    "missing_weights",
    "to_yaml",
]
