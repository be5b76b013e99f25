"""What a model repository says of its networks: a card of each, and a page."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dlic_datamodules.files import sha256
from lightning_dlic.zoo.cards import Card
from lightning_dlic.zoo.files import inspect_net, load_net

_UNSTATED = "not stated"


def run_result(run: Path) -> dict[str, Any]:
    """The final figures of a run's folder; nothing where there are none."""
    try:
        found = json.loads((run / "result.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def begin_card(
    file: Path, result: Mapping[str, Any], *, licence: str = "", summary: str = "", folder: Path | None = None
) -> Card:
    """The card of a weights file, as far as the file and its run's result know it.

    Args:
        file: Weights that a run left.
        result: What `run_result` gives.
        licence: Terms of the weights.
        summary: A line that says what they are.
        folder: Where the card is to lie; beside the file by default.

    Raises:
        DlicError: It is not a weights file of ours.
    """
    meta = inspect_net(file)
    figures = result.get("figures") or {}
    return Card(
        name=file.stem,
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
        parameters=sum(parameter.numel() for parameter in load_net(str(file))[0].parameters()),
        scale=meta["scale"] if isinstance(meta.get("scale"), int) else 1,
        channels=meta["channels"] if isinstance(meta.get("channels"), int) else 3,
        figures={"validation": dict(figures["net"])} if figures.get("net") else {},
        folder=file.parent if folder is None else folder,
    )


def page(name: str, cards: Iterable[Card], result: Mapping[str, Any], file: str) -> str:
    """A repository's page, with what the hub reads at its head.

    Args:
        name: Of the repository.
        cards: Its networks'.
        result: Of the run that left them.
        file: What its commands name.
    """
    import yaml

    cards = list(cards)
    licences = {card.licence for card in cards}
    known = next(iter(licences)) if len(licences) == 1 else ""
    head: dict[str, Any] = {"library_name": "lightning-dlic", "pipeline_tag": "image-to-image"}
    if known and known != _UNSTATED:
        spelled = re.fullmatch(r"[A-Za-z0-9.-]+", known)
        head |= (
            {"license": known.lower()} if spelled else {"license": "other", "license_name": slug(known).lower()[:60]}
        )
    head["tags"] = ["image-compression", *sorted({card.kind for card in cards})]
    lines = ["---", yaml.safe_dump(head, sort_keys=False).rstrip(), "---", "", f"# {name}", ""]
    for card in cards:
        lines += _section(card)
    if (result.get("figures") or {}).get("baseline"):
        told = ", ".join(f"{figure} {value:.4f}" for figure, value in result["figures"]["baseline"].items())
        lines += [f"Without a network ({result.get('baseline')}): {told}", ""]
    lines += ["```sh", f"dlic info {file}", f"dlic eval {file} --data DIR", "```", ""]
    return "\n".join(lines)


def _section(card: Card) -> list[str]:
    facts = {
        "kind": card.kind,
        "stage": card.stage,
        "parameters": f"{card.parameters:,}",
        "batches": f"{card.steps:,}",
        "data": ", ".join(f"{each.get('name')} ({each.get('licence', _UNSTATED)})" for each in card.data),
        "licence": card.licence,
        "sha256": f"`{card.sha256}`",
    }
    lines = [f"## {card.name}", "", card.summary, "", "| | |", "|---|---|"]
    lines += [f"| {key} | {str(value).replace('|', '/')} |" for key, value in facts.items()]
    for data, figures in card.figures.items():
        told = ", ".join(f"{figure} {value:.4f}" for figure, value in figures.items())
        lines += ["", f"{data}: {told}"]
    return [*lines, "", *([card.notes, ""] if card.notes else [])]


def slug(name: str) -> str:
    """A name of letters, digits and a few signs, as repositories and licences want it."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "network"
