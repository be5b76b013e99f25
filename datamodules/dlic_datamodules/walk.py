"""Folders of files: which are in them, and what the files made of them are called."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

__all__ = ["Found", "find_files", "target_names", "walk"]


@dataclass
class Found:
    """What a search of a folder gave.

    Attributes:
        files: The files asked for, in the order of their paths.
        others: How many others there are, by suffix.
        problems: Folders that cannot be listed, and why.
    """

    files: list[Path] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    problems: dict[Path, str] = field(default_factory=dict)


def walk(root: str, failed: Callable[[OSError], object]) -> Iterator[tuple[str, list[str]]]:
    """Every folder below one, with the names in it; links are followed, but no folder is entered twice.

    Hidden files and folders are left out.

    Args:
        root: Where to begin.
        failed: Told of each folder that cannot be listed.

    Yields:
        A folder, ``root`` first, and the sorted names of what is no folder in it.
    """
    seen: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root, onerror=failed, followlinks=True):
        try:
            info = os.stat(folder)
        except OSError as error:  # It went while others were walked.
            failed(error)
            continue
        if (info.st_dev, info.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((info.st_dev, info.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not _hidden(name))
        yield folder, sorted(name for name in names if not _hidden(name))


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def find_files(root: Path, suffixes: frozenset[str], without: Path | None = None) -> Found:
    """The files of a folder and its subfolders by their suffix.

    Args:
        root: An existing folder.
        suffixes: Of the files to take, in lower case.
        without: A folder inside that is left out: where results go.
    """
    found, inside = Found(), without.resolve() if without else None
    if inside == root.resolve():
        inside = None

    def note(error: OSError) -> None:
        found.problems[Path(error.filename)] = f"folder cannot be listed ({error.strerror})"

    for folder, names in walk(str(root), note):
        if inside and Path(folder).resolve().is_relative_to(inside):
            continue
        for name in names:
            path = Path(folder, name)
            suffix = os.path.splitext(name)[1].lower()
            # Those of pathlib raise where a folder may be listed but not entered.
            regular = os.path.isfile(path)
            if suffix in suffixes and (regular or not os.path.exists(path)):
                # A link to nowhere too: that it cannot be read is for its reader to say.
                found.files.append(path)
            else:
                found.others[suffix if regular else "no regular file"] += 1
    found.files.sort()
    return found


def target_names(names: Sequence[PurePosixPath], ending: Callable[[PurePosixPath], str]) -> list[PurePosixPath]:
    """Names for what is made of files, one each, that stay apart on every file system.

    The new ending replaces a file's own. Where two would then be one, also for a file system that knows neither case
    nor how an accent is composed, it follows their own; where even that is one, a number follows.

    Args:
        names: Paths below the folder that they were found in; no two are equal.
        ending: What a file's new name ends in, with the dot. A file whose own ending that is keeps its name.

    Returns:
        Paths below the folder of results, in the same order.
    """
    forms = [_forms(name, ending(name)) for name in names]
    level = [0] * len(names)
    folders = {_folded(folder) for name in names for folder in name.parents}
    while groups := _equal([forms[i][level[i]] for i in range(len(names))], folders):
        for members, first in groups:
            room = [i for i in members if level[i] + 1 < len(forms[i])]
            if not room:
                room = members[first:]
                for i in room:
                    forms[i].append(_numbered(names[i], len(forms[i]), ending(names[i])))
            lowest = min(level[i] for i in room)
            for i in room:
                level[i] += level[i] == lowest
    return [forms[i][level[i]] for i in range(len(names))]


def _forms(name: PurePosixPath, ending: str) -> list[PurePosixPath]:
    if name.suffix == ending:
        return [name, name]
    return [name.with_name(name.stem + ending), name.with_name(name.name + ending)]


def _numbered(name: PurePosixPath, number: int, ending: str) -> PurePosixPath:
    return name.with_name(f"{name.name}~{number}{ending}")


def _folded(path: PurePosixPath) -> str:
    """What a file system that knows neither case nor how an accent is composed takes a path for."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", str(path)).casefold())


def _equal(paths: Sequence[PurePosixPath], folders: set[str]) -> list[tuple[list[int], int]]:
    """Numbers of the paths that are one for some file system, in groups, with how many of a group may stay.

    Args:
        paths: Of files.
        folders: Of folders, where no file may be.
    """
    groups: dict[str, list[int]] = {}
    for number, path in enumerate(paths):
        groups.setdefault(_folded(path), []).append(number)
    found = [(members, 0 if name in folders else 1) for name, members in groups.items()]
    return [(members, stay) for members, stay in found if len(members) > stay]
