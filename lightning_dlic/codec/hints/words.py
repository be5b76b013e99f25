"""How hints are said, wherever they are: a name, or a name, a comma and bytes; several one behind the other."""

from __future__ import annotations

from dlic_registry import DlicError

LEAST, MOST = 8, 1 << 16
"""Bytes that may be asked for."""


def said(text: str) -> list[tuple[str, int | None]]:
    """Reads ``NAME``, ``NAME,BYTES``, or several of these with commas between them.

    Args:
        text: Such as ``none,grid-small,segmentation,300``.

    Returns:
        Each name, which nobody has looked up yet, with its bytes.

    Raises:
        DlicError: A number stands behind no name, or is out of range.
    """
    found: list[tuple[str, int | None]] = []
    for word in (part.strip() for part in text.split(",")):
        if not word or "=" in word or (word.isdecimal() and not _is_budget(word, found)):
            hint = f"write a name, or a name, a comma and a number of bytes from {LEAST} to {MOST}: segmentation,300"
            raise DlicError(f"hints {text[:80]!r}: {hint}")
        if word.isdecimal():
            found[-1] = found[-1][0], int(word)
        else:
            found.append((word, None))
    return found


def _is_budget(word: str, before: list[tuple[str, int | None]]) -> bool:
    return bool(before) and before[-1][1] is None and len(word) < 8 and LEAST <= int(word) <= MOST
