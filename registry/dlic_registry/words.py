"""Nearest words, for the sentence "Did you mean ...?"."""

from collections.abc import Iterable
from difflib import get_close_matches


def suggest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate nearest to a mistyped word.

    Args:
        word: what the user wrote.
        candidates: the words that would have been right.

    Returns:
        The nearest candidate in its own spelling, or None where none is near.

    Example:
        >>> suggest("srgna", ["srcnn", "srgan"])
        'srgan'
    """
    folded = {_fold(candidate): candidate for candidate in candidates}
    near = get_close_matches(_fold(word), folded, n=1)
    if near:
        return folded[near[0]]
    longer = [candidate for key, candidate in folded.items() if len(word) > 1 and key.startswith(_fold(word))]
    return longer[0] if len(longer) == 1 else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """`` Did you mean 'x'?`` with its leading space, or an empty string."""
    near = suggest(word, candidates)
    return f" Did you mean {near!r}?" if near else ""


def _fold(word: str) -> str:
    return word.lower().replace("-", "_")
