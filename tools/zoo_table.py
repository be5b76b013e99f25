"""Writes the tables of docs/zoo/index.md and a page for each network, from the cards.

python tools/zoo_table.py           # prints the tables
python tools/zoo_table.py --write   # puts them between the page's marks, and writes the pages
python tools/zoo_table.py --check   # fails where a page says otherwise than its card
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from zoo_pages import FOLDER, MARK, page

import lightning_dlic.zoo
from lightning_dlic.measure.options import measure_of
from lightning_dlic.zoo import Card, read_card

PAGE = Path(__file__).parents[1] / "docs" / "zoo" / "index.md"
BEGIN, END = "<!-- cards -->\n", "<!-- end of cards -->\n"
TITLES = {"set5": "Set5", "set14": "Set14", "bsd100": "BSD100"}
COMMON = ["", "parameters", "file", "steps", "hours"]


def row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def trained(card: Card) -> list[str]:
    size = card.weights.stat().st_size
    return [
        f"[`{card.name}`]({card.name}.md)",
        f"{card.parameters:,}",
        f"{size / 1e6:.2f} MB",
        f"{card.steps:,}",
        f"{card.hours:g}",
    ]


def headlines(card: Card) -> dict[str, str]:
    """What the measure of a card's kind says in short of its figures, by set; nothing where it has no such sentence."""
    measure = measure_of(card.kind)
    found = {name: measure.headline(card.figures[name]) for name in measure.card_sets if name in card.figures}
    return {name: text for name, text in found.items() if text is not None}


def in_short(card: Card, sets: Iterable[str]) -> str:
    told = headlines(card)
    what = f"x{card.scale} {'Y' if card.channels == 1 else 'RGB'}"
    return row([*trained(card), what, *(told.get(name, "") for name in sets)])


def in_words(card: Card) -> str:
    return row([*trained(card), card.kind, card.summary.rstrip(".")])


def tables(cards: list[Card]) -> str:
    """Markdown: a table a kind that tells its figures in short, then all other networks."""
    short: dict[str, list[Card]] = {}
    for card in cards:
        if headlines(card):
            short.setdefault(card.kind, []).append(card)
    parts = []
    for kind, its in short.items():
        sets = list(measure_of(kind).card_sets)
        titles = [*COMMON, "", *(TITLES.get(name, name) for name in sets)]
        parts.append(row(titles) + row(["---"] * len(titles)) + "".join(in_short(card, sets) for card in its))
    if rest := [card for card in cards if not headlines(card)]:
        titles = [*COMMON, "kind", "what it is"]
        parts.append(row(titles) + row(["---"] * len(titles)) + "".join(map(in_words, rest)))
    return "\n".join(parts)


def pages(cards: list[Card]) -> dict[Path, str]:
    """What all pages of the zoo should say."""
    head, _, tail = PAGE.read_text().partition(BEGIN)
    table = head + BEGIN + tables(cards) + END + tail.partition(END)[2]
    return {PAGE: table, **{FOLDER / f"{card.name}.md": page(card) for card in cards}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    folder = Path(lightning_dlic.zoo.__file__).parent
    cards = [read_card(path) for path in sorted(folder.glob("*.yaml"))]
    if not options.write and not options.check:
        print(tables(cards), end="")
        return
    wanted = pages(cards)
    left = [path for path in FOLDER.glob("*.md") if path not in wanted and MARK in path.read_text()]
    for path, text in wanted.items():
        if options.write:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            left.append(path)
    if options.check and left:
        raise SystemExit(f"not as the cards say: {', '.join(map(str, left))}. Run: python tools/zoo_table.py --write")
    for path in left:
        path.unlink()


if __name__ == "__main__":
    main()
