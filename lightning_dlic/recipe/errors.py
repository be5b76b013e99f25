"""What is wrong in a recipe, and where."""

from __future__ import annotations

from collections.abc import Iterable

from dlic_registry import DlicError, suggest

_LINES = 5
_WIDTH = 200


class RecipeError(DlicError):
    """A mistake in a recipe or an override: place, key, what is wrong, and the remedy."""

    def __init__(self, problem: str, *, where: object = None, key: str = "", hint: str = "") -> None:
        """Composes the message.

        Args:
            problem: What is wrong, in a few words.
            where: ``file:line``, or ``command line``; None where the file itself cannot be found.
            key: Dotted key it concerns.
            hint: The remedy, on lines of its own.
        """
        place = "".join(f"{part}: " for part in (where, key) if part)
        lines = [line for line in f"{problem}\n{hint}".splitlines() if line.strip()][:_LINES]
        # A long path must not cost the words that follow it.
        super().__init__(place + "\n".join(clip(line, _WIDTH) for line in lines))


def clip(text: str, width: int = 60) -> str:
    """Shortens a text to a width in characters."""
    return text if len(text) <= width else f"{text[: width - 4]} ..."


def show(value: object) -> str:
    """A value as a message shows it: short, on one line."""
    return clip(repr(value))


def nearest(word: str, right: Iterable[str], intro: str) -> str:
    """The sentence ``Did you mean ...?``, then all that would have been right.

    Args:
        word: What was written.
        right: What could have been.
        intro: What the list is, such as ``Keys here``.
    """
    words = list(dict.fromkeys(right))
    near = suggest(word, words)
    meant = f"Did you mean {near!r}? " if near else ""
    return f"{meant}{intro}: {', '.join(words) if words else 'none'}."
