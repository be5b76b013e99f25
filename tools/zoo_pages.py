"""A page for each network of the zoo, made of its card alone."""

from __future__ import annotations

from pathlib import Path

from lightning_dlic.zoo import Card

FOLDER = Path(__file__).parents[1] / "docs" / "zoo"
USES = {
    "sr": "dlic upscale small.png large.png --model {name}\ndlic eval {name} bicubic --data photos",
    "colorization": "dlic eval {name} grey floor --data photos --hints none,segmentation-small",
    "prediction": "dlic eval {name} --data photos",
    "reconstruction": "dlic eval {name} decoded --data photos",
}
MARK = "<!-- written by tools/zoo_table.py from the card: change that instead -->\n"


def page(card: Card) -> str:
    """Markdown: what a reader can do with a network, what it makes of a picture, figures, and where it comes from."""
    parts = [MARK + f"# {card.name}", f"{card.summary.rstrip('.')}.", _picture(card)]
    parts += [f"```sh\n{USES.get(card.kind, 'dlic info {name}').format(name=card.name)}\n```"]
    parts += ["## Figures", *_figures(card.figures)]
    parts += ["## Where it comes from", _facts(card), _data(card), _training(card)]
    parts += [f"## Notes\n\n{card.notes.rstrip('.')}."] if card.notes else []
    return "\n\n".join(part for part in parts if part) + "\n"


def _picture(card: Card) -> str:
    curve = f"![The same on four photographs, beside its rival](pictures/{card.name}-curve.webp)"
    shown = f"![A photograph of a cat, beside what {card.name} makes of it](pictures/{card.name}.webp)"
    return "\n\n".join(text for text in (shown, curve) if (FOLDER / text.rpartition("(")[2].rstrip(")")).exists())


def _training(card: Card) -> str:
    if not (FOLDER / "curves" / f"{card.name}.csv").exists():
        return "No curve of its training was kept: it was trained before the tools kept them."
    told = (
        f"Losses and validations of the training, up to the batch of these weights: [as CSV](curves/{card.name}.csv)."
    )
    return f"![Losses and validations by batches](pictures/{card.name}-training.webp)\n\n{told}"


def _facts(card: Card) -> str:
    facts = {
        "kind, stage": f"`{card.kind}`, `{card.stage}`",
        "scale": f"{card.scale}" if card.scale > 1 else "",
        "channels": "luma" if card.channels == 1 else "RGB",
        "parameters": f"{card.parameters:,}",
        "file": f"{card.weights.stat().st_size:,} bytes, SHA-256 `{card.sha256}`",
        "recipe": f"`{card.command}`",
        "training": f"{card.steps:,} batches, {card.hours:g} hours on {card.machine}",
        "licence": card.licence,
    }
    return _table(["", ""], [[key, value] for key, value in facts.items() if value])


def _figures(figures: dict[str, dict[str, float]]) -> list[str]:
    """One table for sets with the same figures, a table each where they differ."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, values in figures.items():
        alike.setdefault(tuple(values), []).append(name)
    tables = []
    for keys, names in alike.items():
        if len(keys) > 8:
            tables += [_table([name, ""], [[f"`{k}`", f"{figures[name][k]:g}"] for k in keys]) for name in names]
        else:
            common = _common(names)
            # Narrow columns would break long words over many lines.
            tables += [f"On {common.rstrip(', ')}:"] if common else []
            head = ["", *(f"`{key}`" for key in keys)]
            body = [[name.removeprefix(common), *(_figure(key, figures[name][key]) for key in keys)] for name in names]
            tables.append(_table(head, body))
    return tables


def _common(names: list[str]) -> str:
    """What several names all begin with, between commas."""
    shared = ""
    if len(names) > 1:
        for parts in zip(*(name.split(", ")[:-1] for name in names), strict=False):
            if len(set(parts)) > 1:
                break
            shared += f"{parts[0]}, "
    return shared


def _figure(key: str, value: float) -> str:
    return f"{value:,.0f}" if key == "bytes" and value >= 100 else f"{value:g}"


def _data(card: Card) -> str:
    rows = [[str(part["name"]), f"{part['pictures']:,}", str(part["licence"])] for part in card.data]
    return _table(["trained on", "pictures", "their licence"], rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
