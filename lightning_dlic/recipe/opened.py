"""How every recipe begins to be loaded, a training's and a pipeline's: what it extends, its file, overrides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_dlic.recipe.compose import compose, override, shown_path
from lightning_dlic.recipe.document import Document
from lightning_dlic.recipe.inherit import names_first
from lightning_dlic.recipe.resolve import resolve


@dataclass(frozen=True)
class Opened:
    """A recipe whose files are merged, and not yet held against a schema.

    Attributes:
        path: Its file.
        shown: The file as messages name it.
        document: What it says, with the place of each key.
    """

    path: Path
    shown: str
    document: Document

    @property
    def origin(self) -> dict[str, Any]:
        """What a loaded recipe keeps of where it comes from."""
        return {"path": self.path, "marks": self.document.marks, "shown": self.shown}

    def resolve(self, schema: type[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Checks keys and types, and interpolates; a recipe without a name has its file's.

        Args:
            schema: The class whose fields are the keys.

        Returns:
            Values by key, and what `Loaded` needs to have them for.

        Raises:
            RecipeError: A key is unknown, or a value of another type.
        """
        values, texts = resolve(self.document, self.shown, schema)
        return {**values, "name": values["name"] or self.path.stem}, {**self.origin, "texts": texts}


def open_recipe(path: Path, overrides: Sequence[str]) -> Opened:
    """Reads a recipe's file and all that it extends, and applies overrides in their order.

    Raises:
        RecipeError: A file or an override cannot be read.
    """
    document = compose(path)
    for text in names_first(overrides):
        override(document, text)
    return Opened(path, shown_path(path), document)
