"""Writes the tables of docs/zoo.md from the cards.

python benchmarks/zoo_table.py           # prints them
python benchmarks/zoo_table.py --write   # puts them between the page's marks
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import lightning_dlic.zoo
from lightning_dlic.zoo import Card, read_card

PAGE = Path(__file__).parents[1] / "docs" / "zoo.md"
BEGIN, END = "<!-- cards -->\n", "<!-- end of cards -->\n"
SETS = ("set5", "set14", "bsd100")


def row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def trained(card: Card) -> list[str]:
    size = card.weights.stat().st_size
    return [f"`{card.name}`", f"{card.parameters:,}", f"{size / 1e6:.2f} MB", f"{card.steps:,}", f"{card.hours:g}"]


def enlarging(card: Card) -> str:
    cells = []
    for name in SETS:
        known = card.figures.get(name, {})
        lpips = f" / {known['lpips']:.3f}" if "lpips" in known else ""
        cells.append(f"{known['psnr_y']:.2f} / {known['ssim_y']:.4f}{lpips}" if known else "")
    return row([*trained(card), f"x{card.scale} {'Y' if card.channels == 1 else 'RGB'}", *cells])


def other(card: Card) -> str:
    figures = "; ".join(
        f"{name}: " + ", ".join(f"{key} {value:g}" for key, value in values.items())
        for name, values in card.figures.items()
    )
    return row([*trained(card), card.kind, figures])


def tables(cards: list[Card]) -> str:
    """Markdown: networks that enlarge pictures, then all others."""
    common = ["", "parameters", "file", "steps", "hours"]
    sr, rest = ([c for c in cards if (c.kind == "sr" and "set5" in c.figures) is wanted] for wanted in (True, False))
    titles = [*common, "", "Set5", "Set14", "BSD100"]
    text = row(titles) + row(["---"] * len(titles)) + "".join(map(enlarging, sr))
    if rest:
        titles = [*common, "kind", "figures"]
        text += "\n" + row(titles) + row(["---"] * len(titles)) + "".join(map(other, rest))
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    folder = Path(lightning_dlic.zoo.__file__).parent
    text = tables([read_card(path) for path in sorted(folder.glob("*.yaml"))])
    if not options.write:
        print(text, end="")
        return
    page = PAGE.read_text()
    head, _, tail = page.partition(BEGIN)
    PAGE.write_text(head + BEGIN + text + END + tail.partition(END)[2])


if __name__ == "__main__":
    main()
