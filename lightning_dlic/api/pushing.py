"""A trained network as a model repository: weights, card and page, in a folder or on the hub."""

from __future__ import annotations

import json
import platform
import re
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
from lightning_dlic.zoo import Card, find_card, inspect_net, write_card
from lightning_dlic.zoo.cards import PIPELINE, names_card
from lightning_dlic.zoo.hub import HubError, names_hub, parse, upload

_PAGE = "README.md"
_UNSTATED = "not stated"


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
        return Pushed(_write(target, folder, _slug(folder.resolve().name), licence, summary))
    address = parse(where)
    if address.file or address.digest or address.revision:
        raise HubError(f"{where}: a repository is meant here\nWrite hf://USER/REPO")
    with tempfile.TemporaryDirectory() as made:
        files = _write(target, Path(made), _slug(address.repo.partition("/")[2]), licence, summary, where)
        return Pushed(files, str(upload(Path(made), address, private=private)))


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "network"


def _write(target: str, folder: Path, name: str, licence: str, summary: str, where: str = "") -> list[str]:
    sources = dict(_sources(target, name))
    result = _result(Path(target))
    described = []
    for stem, source in sources.items():
        write_file(folder / f"{stem}.safetensors", source.read_bytes())
        card = _card(target, stem, folder, result, licence, summary)
        write_card(card)
        described.append(card)
    if is_run(Path(target)) and (Path(target) / PIPELINE).is_file():
        write_file(folder / PIPELINE, _pipeline(Path(target), sources).encode())
    write_file(folder / _PAGE, _page(name, described, result, where or f"hf://USER/{name}").encode())
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


def _result(run: Path) -> dict[str, Any]:
    try:
        found = json.loads((run / "result.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _card(target: str, stem: str, folder: Path, result: Mapping[str, Any], licence: str, summary: str) -> Card:
    file = folder / f"{stem}.safetensors"
    own = find_card(target) if names_card(target) else None
    if own is not None:
        told = {**vars(own), "name": stem, "folder": folder, "sha256": sha256(file)}
        told.pop("weights", None)
        return Card(
            **{**told, **({"licence": licence} if licence else {}), **({"summary": summary} if summary else {})}
        )
    meta = inspect_net(file)
    figures = result.get("figures") or {}
    return Card(
        name=stem,
        kind=str(meta.get("kind", "")),
        stage=str(meta.get("stage", "")),
        summary=summary or f"{meta.get('stage')}, trained by {result.get('recipe', 'dlic-fit')}",
        recipe=str(result.get("recipe", _UNSTATED)),
        command=f"dlic-fit {result.get('recipe', 'RECIPE')}",
        steps=int(meta.get("steps", 0)),
        hours=round(float(result.get("seconds", 0.0)) / 3600, 2),
        machine=f"{platform.system()} {platform.machine()}",
        # Where the pictures lie is nobody's affair.
        data=[{"name": str((result.get("data") or {}).get("name", _UNSTATED)), "licence": _UNSTATED}],
        licence=licence or _UNSTATED,
        sha256=sha256(file),
        parameters=_parameters(file),
        scale=meta["scale"] if isinstance(meta.get("scale"), int) else 1,
        channels=meta["channels"] if isinstance(meta.get("channels"), int) else 3,
        figures={"validation": dict(figures["net"])} if figures.get("net") else {},
        folder=folder,
    )


def _parameters(file: Path) -> int:
    from lightning_dlic.zoo import load_net

    return sum(parameter.numel() for parameter in load_net(str(file))[0].parameters())


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


def _page(name: str, cards: list[Card], result: Mapping[str, Any], where: str) -> str:
    """The repository's page, with what the hub reads at its head."""
    licences = {card.licence for card in cards}
    known = next(iter(licences)) if len(licences) == 1 else ""
    head: dict[str, Any] = {"library_name": "lightning-dlic", "pipeline_tag": "image-to-image"}
    if known and known != _UNSTATED:
        spelled = re.fullmatch(r"[A-Za-z0-9.-]+", known)
        head |= (
            {"license": known.lower()} if spelled else {"license": "other", "license_name": _slug(known).lower()[:60]}
        )
    head["tags"] = ["image-compression", *sorted({card.kind for card in cards})]
    lines = ["---", yaml.safe_dump(head, sort_keys=False).rstrip(), "---", "", f"# {name}", ""]
    for card in cards:
        facts = {
            "kind": card.kind,
            "stage": card.stage,
            "parameters": f"{card.parameters:,}",
            "batches": f"{card.steps:,}",
            "data": ", ".join(f"{each.get('name')} ({each.get('licence', _UNSTATED)})" for each in card.data),
            "licence": card.licence,
            "sha256": f"`{card.sha256}`",
        }
        lines += [f"## {card.name}", "", card.summary, "", "| | |", "|---|---|"]
        lines += [f"| {key} | {str(value).replace('|', '/')} |" for key, value in facts.items()]
        for data, figures in card.figures.items():
            told = ", ".join(f"{figure} {value:.4f}" for figure, value in figures.items())
            lines += ["", f"{data}: {told}"]
        lines += ["", *([card.notes, ""] if card.notes else [])]
    if (result.get("figures") or {}).get("baseline"):
        told = ", ".join(f"{figure} {value:.4f}" for figure, value in result["figures"]["baseline"].items())
        lines += [f"Without a network ({result.get('baseline')}): {told}", ""]
    file = f"{where}/{cards[0].name}.safetensors" if len(cards) > 1 else where
    lines += ["```sh", f"dlic info {file}", f"dlic eval {file} --data DIR", "```", ""]
    return "\n".join(lines)
