"""What an argument that names pictures may be: a folder, a picture, a list of files, a pattern."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from dlic_datamodules.errors import DataError, printable, unwritable
from dlic_datamodules.formats import PICTURE_SUFFIXES
from dlic_datamodules.walk import walk

__all__ = ["LIST_SUFFIXES", "Found", "exists", "expand"]

LIST_SUFFIXES = frozenset({".txt", ".lst"})
_LONGEST_LIST = 1 << 28

Found = tuple[str, str | None]
"""A picture's name below its root, and a problem where it could not even be listed."""


def exists(root: str | Path) -> bool:
    """Whether there is a folder or file of this name, or something that matches the pattern."""
    return os.path.exists(root) or (glob.has_magic(str(root)) and next(_matches(str(root)), None) is not None)


def expand(root: str | Path) -> tuple[str, list[Found]]:
    """Finds the pictures that a root stands for.

    Args:
        root: A folder, walked through with all below; a picture; a list (``.txt``, ``.lst``) with one path a line, seen
            from the list's folder, ``#`` before a remark; or a pattern with ``*``, ``?``, ``[...]`` and ``**``.

    Returns:
        The folder that names start from, and the pictures: sorted, a list's in its own order, each once.

    Raises:
        DataError: There is nothing of that name, or a list names what is not there.
    """
    text = str(root)
    if os.path.isdir(text):
        return text, _below(text, text)
    if os.path.isfile(text):
        base, suffix = os.path.dirname(text) or ".", os.path.splitext(text)[1].lower()
        if suffix in PICTURE_SUFFIXES:
            return base, [(os.path.basename(text), None)]
        if suffix in LIST_SUFFIXES:
            return base, _listed(Path(text), base)
        raise DataError(
            f"{printable(text)}: is neither a folder nor a picture, nor a list of pictures, which ends in .txt"
        )
    if glob.has_magic(text):
        return _matching(text)
    raise DataError(f"no folder {printable(text)}\nMend the path in data.args")


def _below(folder: str, base: str) -> list[Found]:
    """Every picture below a folder, and every folder that cannot be listed."""
    problems: list[OSError] = []
    found: list[Found] = []
    for place, names in walk(folder, problems.append):
        prefix = "" if place == base else os.path.relpath(place, base).replace(os.sep, "/") + "/"
        found += [(prefix + name, None) for name in names if _is_picture(name)]
    for error in problems:
        path = os.path.relpath(os.fsdecode(error.filename), base)
        found.append((path, f"folder cannot be listed: {error.strerror}"))
    return sorted(found, key=lambda item: item[0])


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES


def _matches(pattern: str) -> Iterator[str]:
    return (path for path in glob.iglob(pattern, recursive=True) if os.path.isdir(path) or _is_picture(path))


def _matching(pattern: str) -> tuple[str, list[Found]]:
    parts = Path(pattern).parts
    fixed = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    base = str(Path(*parts[:fixed])) if fixed else "."
    found: dict[str, str | None] = {}
    for path in sorted(_matches(pattern)):
        if os.path.isdir(path):
            found.update(_below(path, base))
        else:
            found[os.path.relpath(path, base).replace(os.sep, "/")] = None
    if not found:
        raise DataError(f"no pictures match {printable(pattern)}\nMend the pattern in data.args")
    return base, sorted(found.items())


def _listed(file: Path, base: str) -> list[Found]:
    try:
        if file.stat().st_size > _LONGEST_LIST:
            raise DataError(f"{printable(str(file))}: too long for a list of pictures")
        lines = file.read_text("utf-8-sig", "surrogateescape").splitlines()
    except OSError as error:
        raise unwritable(f"{printable(str(file))}: cannot be read", error, "Mend its permissions") from error
    found: dict[str, str | None] = {}
    missing: list[str] = []
    for number, line in enumerate(lines, 1):
        name = os.path.expanduser(line.strip())
        if not name or name.startswith("#"):
            continue
        if not os.path.isfile(os.path.join(base, name)):
            missing.append(f"{printable(str(file))}:{number}: no file {printable(name)[:200]}")
        found[name] = None
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise DataError(f"{missing[0]}{more}\nPaths in a list start from the list's own folder")
    return list(found.items())
