"""Writes a package that brings one thing of a kind: what `files/` holds, under a name of its own.

Files there end in ``.txt``, so that they are text to whoever looks for code here. In names and text ``newthing`` stands
for the name, ``NewThing`` for the class, and words in capitals for what depends on the kind.
"""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from dlic_datamodules.files import write_file
from dlic_registry import KINDS, DlicError, did_you_mean, entries, load, stage_kinds
from dlic_registry.kinds import check_name

MAKES = ("stage", *KINDS)
"""What packages can be written of: a stage, and one thing of every other kind."""

_USES = {
    "stage": "dlic-fit NAME.yaml data.name=sample",
    "net": "dlic-fit NAME.yaml data.name=sample",
    "codec": "dlic compress photo.jpg photo.dlic --bytes 20k --pipeline NAME.yaml",
    "hints": "dlic compress photo.jpg photo.dlic --bytes 2000 --pipeline NAME.yaml",
    "downsize": "dlic eval compact_x2 bicubic --data DIR --downsize NAME",
    "zoo": "dlic-fit NAME.yaml data.name=sample && python -m dlic_NAME.shelve runs/NAME/001 first",
    "data": "dlic-fit NAME.yaml data.args.root=DIR",
    "loss": "dlic-fit NAME.yaml data.args.root=DIR",
    "metric": "dlic eval compact_x4 bicubic --data DIR --metrics NAME",
    "transform": "dlic-fit NAME.yaml data.args.root=DIR",
    "kind": "dlic-fit NAME.yaml data.args.root=DIR",
    **dict.fromkeys(("optimizer", "schedule", "callback", "logger"), "dlic-fit NAME.yaml data.args.root=DIR"),
}


@dataclass(frozen=True)
class Package:
    """A package that was written.

    Attributes:
        folder: Where it lies.
        files: Its files, relative to that.
        group: Kind under which its name is registered.
        use: A command that uses it.
    """

    folder: Path
    files: list[str]
    group: str
    use: str


def write_package(what: str, name: str, into: Path, of: str = "sr") -> Package:
    """Writes a package.

    Args:
        what: One of `MAKES`.
        name: Name to register: lower-case letters, digits and underscores.
        into: Folder to write ``dlic-NAME`` into.
        of: Kind of a stage.

    Returns:
        What was written.

    Raises:
        DlicError: The name cannot be one, or is taken; or the folder is there.
    """
    if what not in MAKES:
        raise DlicError(f"dlic new {what}: nothing to make.{did_you_mean(what, MAKES)} Makes: {', '.join(MAKES)}.")
    group = of if what == "stage" else what
    words = _words(what, name, group)
    folder = into / words["dlic-newthing"]
    if folder.exists():
        raise DlicError(f"{folder} is there already\nChoose another name, or another folder by --into")
    tree = "stage_sr" if group == "sr" else what
    root = files(__package__).joinpath("files")
    words = {"ENTRIES\n": _said(root.joinpath(tree, "entries.txt").read_text("utf-8"), words), **words}
    made = []
    for source, path in [*_walk(root.joinpath("common")), *_walk(root.joinpath(tree))]:
        place = _said(path, words).removesuffix(".txt")
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        write_file(target, _said(source.read_text("utf-8"), words).encode())
        made.append(place)
    return Package(folder, sorted(made), group, words["USE"])


def _words(what: str, name: str, group: str) -> dict[str, str]:
    """What stands for what; longer words first, since they hold shorter ones."""
    check_name(name)
    if not name.isidentifier() or keyword.iskeyword(name):
        raise DlicError(f"{name!r} cannot be a module's name: begin with a letter, and take no word of Python's")
    if what == "stage" and group in KINDS:
        raise DlicError(f"--of {group}: not a kind of stages; those are {', '.join(stage_kinds())}")
    if what == "kind":
        if name in (*KINDS, *stage_kinds()):
            raise DlicError(f"there is a kind {name!r} already\nChoose another name")
    else:
        taken = [entry for entry in entries(group) if entry.name == name]
        if taken:
            raise DlicError(f"{group} {name!r} is registered by {taken[0].owner} already\nChoose another name")
    words = {
        "dlic-newthing": f"dlic-{name.replace('_', '-')}",
        "USE": _USES[what].replace("NAME", name),
        "WHAT": f"Stage of kind {group}" if what == "stage" else f"{what.capitalize()}",
        "GROUP": what,
    }
    if what == "stage" and group != "sr":
        module, _, base = str(load("kind", group).stage).partition(":")
        words |= {"BASEMODULE": module, "BASECLASS": base, "KIND": group}
    return words | {"newthing": name, "NewThing": "".join(part.capitalize() for part in name.split("_"))}


def _walk(folder: Traversable, below: str = "") -> list[tuple[Traversable, str]]:
    found: list[tuple[Traversable, str]] = []
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        path = f"{below}{item.name}"
        if item.is_dir():
            found += _walk(item, f"{path}/")
        elif path != "entries.txt":
            found.append((item, path))
    return found


def _said(text: str, words: dict[str, str]) -> str:
    for word, meant in words.items():
        text = text.replace(word, meant)
    return text
