"""What every loaded recipe knows of its file: where each key stands, and how a mistake there is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightning_dlic.recipe.document import Keys, Where
from lightning_dlic.recipe.errors import RecipeError
from lightning_dlic.recipe.given import Given, as_due


@dataclass(kw_only=True)
class Loaded:
    """A recipe's file.

    Attributes:
        path: The file.
        marks: Where each key was written last.
        texts: What stands on the command line for keys whose type only a class knows.
        shown: How messages name the file.
    """

    path: Path = field(default=Path(), compare=False)
    marks: dict[Keys, Where] = field(default_factory=dict, compare=False, repr=False)
    texts: dict[Keys, str] = field(default_factory=dict, compare=False, repr=False)
    shown: str = field(default="", compare=False, repr=False)

    def where(self, key_path: str) -> str:
        """Says where a key was written last.

        Args:
            key_path: Dotted key, such as ``optim.generator.lr``.

        Returns:
            ``file:line`` or ``command line``; for a key that was left to its default, the place of the nearest mapping
            around it, or the file.
        """
        keys = tuple(part for part in key_path.replace("[", ".").replace("]", "").split(".") if part)
        places = (self.marks.get(keys[:depth]) for depth in range(len(keys), 0, -1))
        return str(next((place for place in places if place is not None), self.shown))

    def take(self, key: str, annotation: Any, *, optional: bool) -> Any:
        """The value of a class's argument; text as it stands on the command line, where the class takes text.

        Args:
            key: Its dotted key.
            annotation: What the class takes.
            optional: Whether it may be null, whatever the annotation says.

        Returns:
            The value, which is the recipe's from now on.

        Raises:
            RecipeError: It looks like a list or a mapping, and YAML does not read it.
        """
        *above, last = keys = tuple(key.split("."))
        parent: Any = self
        for part in above:
            parent = parent[part] if isinstance(parent, dict) else getattr(parent, part)
        given = self.marks.get(keys)
        if isinstance(given, Given):
            text = self.texts.get(keys, given.text)
            parent[last] = as_due(given, parent[last], text, annotation, optional=optional)
        return parent[last]

    def error(self, key: str, problem: str, hint: str = "") -> RecipeError:
        """A mistake at a key of this recipe, to be raised."""
        return RecipeError(problem, where=self.where(key), key=key, hint=hint)

    def resolved(self) -> dict[str, Any]:
        """The recipe as one mapping of plain values: no ``extends``, no interpolation, every default written out."""
        raise NotImplementedError
