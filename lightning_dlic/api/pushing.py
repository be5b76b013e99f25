"""A trained network as a model repository: weights, card and page, in a folder or on the hub."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dlic_datamodules.files import sha256, write_file
from dlic_registry import DlicError
from lightning_dlic import bounded_yaml
from lightning_dlic.api.targets import find_target, is_run
from lightning_dlic.zoo import Card, find_card, write_card
from lightning_dlic.zoo.cards import PIPELINE, names_card
from lightning_dlic.zoo.hub import HubError, names_hub, parse, upload
from lightning_dlic.zoo.repository import begin_card, page, run_result, slug

_PAGE = "README.md"


@dataclass(frozen=True)
class Pushed:
    """What was written.

    Attributes:
        files: Names in the repository.
        address: ``hf://USER/REPO@COMMIT`` of what went to the hub; None for a folder.
    """

    files: list[str]
    address: str | None = None


def push(
    target: str,
    where: str,
    *,
    licence: str = "",
    summary: str = "",
    private: bool = False,
    overwrite: bool = False,
) -> Pushed:
    """Writes a model repository, into a folder or to the hub.

    Args:
        target: A run's folder, a weights file, or a name of the zoo.
        where: ``hf://USER/REPO``, or a folder.
        licence: Terms of the weights.
        summary: A line that says what they are.
        private: Whether a repository that is made on the hub is private.
        overwrite: Whether a folder that is there is written into.

    Raises:
        DlicError: There is no such target, its pipeline names files that are not the run's, the folder is there, or the
            hub refuses.
    """
    if not names_hub(where):
        folder = Path(where)
        if (
            folder.exists()
            and not (overwrite and folder.is_dir())
            and not (folder.is_dir() and not any(folder.iterdir()))
        ):
            raise DlicError(f"{folder} is there already\nChoose another folder, or write into it by --overwrite")
        folder.mkdir(parents=True, exist_ok=True)
        return Pushed(_write(target, folder, slug(folder.resolve().name), licence, summary))
    address = parse(where)
    if address.file or address.digest or address.revision:
        raise HubError(f"{where}: a repository is meant here\nWrite hf://USER/REPO")
    with tempfile.TemporaryDirectory() as made:
        files = _write(target, Path(made), slug(address.repo.partition("/")[2]), licence, summary, where)
        return Pushed(files, str(upload(Path(made), address, private=private)))


def _write(target: str, folder: Path, name: str, licence: str, summary: str, where: str = "") -> list[str]:
    sources = dict(_sources(target, name))
    result = run_result(Path(target))
    described = []
    for stem, source in sources.items():
        write_file(folder / f"{stem}.safetensors", source.read_bytes())
        card = _card(target, stem, folder, result, licence, summary)
        write_card(card)
        described.append(card)
    if is_run(Path(target)) and (Path(target) / PIPELINE).is_file():
        write_file(folder / PIPELINE, _pipeline(Path(target), sources).encode())
    where = where or f"hf://USER/{name}"
    file = f"{where}/{described[0].name}.safetensors" if len(described) > 1 else where
    write_file(folder / _PAGE, page(name, described, result, file).encode())
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _sources(target: str, name: str) -> Iterator[tuple[str, Path]]:
    """Weights files by what they are called in the repository."""
    path = Path(target)
    if not is_run(path):
        found = find_target(target).file
        if found is None or found.suffix != ".safetensors":
            raise DlicError(f"{target}: a run, a weights file (.safetensors) or a name of the zoo can be pushed")
        yield name, found
        return
    parts = sorted(path.glob("weights/*.safetensors"))
    if not parts and not (path / "weights.safetensors").is_file():
        raise DlicError(f"{target}: this run has not left weights yet")
    # The networks of a base codec's loop lie beside, in the form in which they ship.
    loop = [file for file in sorted(path.glob("*.safetensors")) if file.stem not in ("weights", "best")]
    yield from ((part.stem, part) for part in (*parts, *loop))
    if not parts:
        yield name, path / "weights.safetensors"


def _card(target: str, stem: str, folder: Path, result: Mapping[str, Any], licence: str, summary: str) -> Card:
    file = folder / f"{stem}.safetensors"
    if not names_card(target):
        return begin_card(file, result, licence=licence, summary=summary)
    own = {**vars(find_card(target)), "name": stem, "folder": folder, "sha256": sha256(file)}
    own.pop("weights", None)
    given = {"licence": licence, "summary": summary}
    return Card(**{**own, **{key: value for key, value in given.items() if value}})


def _pipeline(run: Path, sources: Mapping[str, Path]) -> str:
    """The run's pipeline, its weights named as they are in the repository."""
    names = {path.resolve(): f"{stem}.safetensors" for stem, path in sources.items()}

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: moved(item) for key, item in value.items()}
        if isinstance(value, list):
            return [moved(item) for item in value]
        if not isinstance(value, str) or not value.endswith(".safetensors") or names_hub(value):
            return value
        file = (run / value).resolve()
        if file not in names:
            raise DlicError(f"{run / PIPELINE}: names {value}, which is none of the run's weights")
        return names[file]

    content = moved(bounded_yaml.load(bounded_yaml.read_text(run / PIPELINE)))
    return yaml.safe_dump(content, sort_keys=False)
