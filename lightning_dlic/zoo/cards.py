"""Cards: what is known of each trained network, in a YAML file beside its weights."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from dlic_registry import DlicError, did_you_mean, load

_HERE = Path(__file__).parent
PIPELINE = "pipeline.yaml"
"""What may lie among cards and is none: a pipeline of the networks there."""
OURS = "zoo"
"""Owner that stands for our own zoo."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class Card:
    """What is known of a trained network. The figures are those of `dlic eval` under the stated protocol."""

    name: str
    """Name in the zoo: the stem of both files."""
    kind: str
    """Kind of the stage that trained it."""
    stage: str
    """Name of that stage."""
    summary: str
    """One line."""
    recipe: str
    """Recipe it was trained by."""
    command: str
    """Command that trains it again."""
    steps: int
    """Batches it was trained on."""
    hours: float
    """Hours of training."""
    machine: str
    """What it was trained on."""
    data: list[dict[str, Any]]
    """Pictures it was trained on: ``name``, ``pictures`` and ``licence`` of each set."""
    licence: str
    """Terms of the weights."""
    sha256: str
    """Of the weights file."""
    parameters: int
    """Number of parameters."""
    scale: int = 1
    """Factor of enlargement; 1 where the network keeps the size."""
    channels: int = 3
    """3 for RGB, 1 for luma."""
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    """By test set: means over its pictures."""
    notes: str = ""
    """What else one should know: what is unfinished, what failed."""
    folder: Path = field(default=_HERE, compare=False)
    """Where the card lies."""

    @cached_property
    def weights(self) -> Path:
        """The weights file."""
        return self.folder / f"{self.name}.safetensors"


def folders() -> list[Path]:
    """Folders of the zoo: those of ``$DLIC_ZOO``, then the package's own."""
    own = [Path(folder) for folder in os.environ.get("DLIC_ZOO", "").split(os.pathsep) if folder]
    return [*own, _HERE]


def shipped_weights(name: str) -> Path | None:
    """The weights of that name that ship, whatever ``$DLIC_ZOO`` holds; None where there are none."""
    path = _HERE / f"{name}.safetensors"
    return path if path.is_file() else None


def shipped_graph(name: str) -> Path | None:
    """The graph of that name that ships for ONNX Runtime; None where there is none."""
    path = _HERE / "graphs" / f"{name}.onnx"
    return path if path.is_file() else None


def cards() -> dict[str, Card]:
    """All cards by name; where two folders have one name, the first folder's counts.

    Raises:
        DlicError: A card cannot be read.
    """
    return {name: read_card(path) for name, path in _card_files().items()}


def card_names() -> list[str]:
    """Names of all cards, none of which is read."""
    return list(_card_files())


def _card_files() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in folders():
        for path in sorted(folder.glob("*.yaml")):
            if path.name != PIPELINE:
                found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find_card(name: str) -> Card:
    """The card of a name.

    Args:
        name: ``NAME`` or ``zoo:NAME`` of our own zoo and those of ``$DLIC_ZOO``, or ``OWNER:NAME`` of the zoo that an
            installed package registers as OWNER under the kind ``zoo``.

    Raises:
        DlicError: There is no such network or owner, its card cannot be read, or its weights are missing.
    """
    owner, _, bare = name.rpartition(":")
    rooms = folders() if owner in ("", OURS) else [shelf_folder(owner)]
    path = next((p for room in rooms if _NAME.fullmatch(bare) and _is_file(p := room / f"{bare}.yaml")), None)
    if path is None or path.stem != bare:
        raise DlicError(_unknown(name, bare, rooms))
    card = read_card(path)
    if not card.weights.is_file():
        raise DlicError(f"{path}: its weights {card.weights.name} are missing beside it; reinstall its package")
    return card


def names_card(text: str) -> bool:
    """Whether a text is of the form ``zoo:NAME`` or ``OWNER:NAME``, rather than a path."""
    owner, colon, bare = text.partition(":")
    # A single letter before a colon is a drive.
    return bool(colon) and len(owner) > 1 and bool(_NAME.fullmatch(owner) and _NAME.fullmatch(bare))


def shelf_folder(owner: str) -> Path:
    """Folder of the zoo that an installed package registers.

    Raises:
        RegistryError: No package registers one of this name, or it does not import.
    """
    shelf = load("zoo", owner)
    return Path(sys.modules[shelf.__module__].__file__ or "").parent


def _unknown(name: str, bare: str, rooms: list[Path]) -> str:
    known = sorted({p.stem for room in rooms for p in room.glob("*.yaml")})
    hint = did_you_mean(bare, known)
    listing = f"The zoo has: {', '.join(known)}." if known else "The zoo is empty."
    return f"unknown zoo network {name[:80]!r}.{hint} {listing}"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # A name too long for the file system is none of ours.
        return False


def read_card(path: Path) -> Card:
    """Reads a card.

    Raises:
        DlicError: It is not YAML, or a field is missing, unknown or of another type.
    """
    import yaml

    from lightning_dlic import bounded_yaml

    try:
        content = bounded_yaml.load(bounded_yaml.read_text(path))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, bounded_yaml.TooMuchError) as error:
        raise DlicError(f"{path}: not a card ({str(error).splitlines()[0]})") from error
    if not isinstance(content, Mapping):
        raise DlicError(f"{path}: not a card (a mapping is expected)")
    known = {f.name for f in fields(Card)} - {"name", "folder"}
    if odd := sorted(set(map(str, content)) - known):
        raise DlicError(f"{path}: unknown field {odd[0]!r}.{did_you_mean(odd[0], sorted(known))}")
    try:
        card = Card(name=path.stem, folder=path.parent, **content)
    except TypeError as error:
        raise DlicError(f"{path}: {str(error).removeprefix('Card.__init__() ')}") from error
    _check(path, card)
    return card


def write_card(card: Card) -> Path:
    """Writes a card beside its weights; fields in their order, optional ones that are empty left out.

    Args:
        card: The card.

    Returns:
        The file.
    """
    path = card.folder / f"{card.name}.yaml"
    path.write_text(card_text(card), encoding="utf-8")
    return path


def card_text(card: Card) -> str:
    """What `write_card` writes."""
    import yaml

    content = {f.name: getattr(card, f.name) for f in fields(card) if f.name not in ("name", "folder")}
    kept = {key: value for key, value in content.items() if value or key not in ("figures", "notes")}
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=110)


def _check(path: Path, card: Card) -> None:
    expected: dict[str, Any] = {"steps": int, "hours": (int, float), "scale": int, "channels": int, "parameters": int}
    expected |= dict.fromkeys(("data",), list) | dict.fromkeys(("figures",), dict)
    for f in fields(Card):
        kind = expected.get(f.name, str if f.name != "folder" else Path)
        if not isinstance(getattr(card, f.name), kind):
            raise DlicError(f"{path}: {f.name} must not be {getattr(card, f.name)!r}")
