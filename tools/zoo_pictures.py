"""Draws docs/zoo/pictures: what each network of the zoo makes of a photograph that it has not seen.

python tools/zoo_pictures.py              # those that are missing
python tools/zoo_pictures.py NAME ...     # these, anew
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from drawn import U8, cat, coded, rows_of, save
from zoo_curves import learned, on_base_layers, on_blocks, on_hints, on_sizes

import lightning_dlic.zoo
from lightning_dlic.api.networks import load, upscale
from lightning_dlic.imaging.blocks import cut, cut_blocks, grid
from lightning_dlic.imaging.numpy.color import split
from lightning_dlic.imaging.resize import resize_uint8
from lightning_dlic.measure.colorings import floors, networks, parse_hints
from lightning_dlic.operators.base import Operator
from lightning_dlic.operators.predictor import HEVCPredictor
from lightning_dlic.pipeline.assemble import advanced, finished
from lightning_dlic.zoo import Card, read_card
from lightning_dlic.zoo.downsize import LearnedDownsize

PICTURES = Path(__file__).parents[1] / "docs" / "zoo" / "pictures"
Cells = list[tuple[U8, str]]
SHARE = 0.35


def of_base(card: Card, operator: Operator) -> Cells:
    """A decoded base layer by bicubic and by the network."""
    picture = cat()
    color = card.kind == "reconstruction"
    scale = next(scale for scale in (2, *operator.facts.scales) if scale in operator.facts.scales)
    layers, size = coded(picture, scale, SHARE, color)
    original = picture if color else split(picture)[0]
    told = f"base layer of {size:,} bytes,\nscale {scale}, bicubic"
    return [(original, "original"), (finished(layers), told), (finished(advanced(layers, [operator])), card.name)]


def of_small(card: Card, operator: Operator) -> Cells:
    """A clean small picture by bicubic and by the network."""
    picture = cat()[60:204, 100:316] if card.channels == 3 else split(cat()[60:204, 100:316])[0]
    planes = torch.from_numpy(picture.reshape(*picture.shape[:2], -1)).permute(2, 0, 1)[None]
    size = picture.shape[0] // card.scale, picture.shape[1] // card.scale
    small = np.ascontiguousarray(resize_uint8(planes, size=size)[0].permute(1, 2, 0).numpy())
    small = small if card.channels == 3 else small[..., 0]
    cells = [(picture, "original"), (upscale(small, "bicubic", card.scale), "bicubic")]
    return [*cells, (upscale(small, card.name), card.name)]


def of_pair(card: Card, operator: Operator) -> Cells:
    """What a network for downsizing makes, and what its partner makes of that."""
    picture = cat()[60:204, 100:316]
    small = learned(LearnedDownsize(card.scale, weights=f"zoo:{card.name}"), np.ascontiguousarray(picture))
    cells = [(picture, "original"), (small, "made small by it")]
    return [*cells, (upscale(small, card.name), "and large again")]


def of_luma(card: Card, operator: Operator) -> Cells:
    """Luma coloured without hints and, where the network takes them, with some."""
    picture = cat()
    luma, *chroma = split(picture)
    levels = np.stack(chroma).astype(np.float32) - 128
    asked = parse_hints("none,grid-small,segmentation-small")
    ways = networks(card.name, operator, asked)
    cells = [(picture, "original"), *((way.color(luma, levels)[0], "grey") for way in floors("grey", asked)[:1])]
    for way in ways:
        made, size = way.color(luma, levels)
        cells.append((made, f"{card.name}\n{way.hints}, {size} bytes"))
    return cells


def of_blocks(card: Card, operator: Operator) -> Cells:
    """Each block predicted from the true samples above and to the left of it."""
    m = operator.m
    luma = split(cat()[60:204, 100:316])[0]
    plane = torch.from_numpy(np.ascontiguousarray(luma))[None, None]
    corners = grid(*luma.shape, m)
    where = torch.cat((torch.zeros_like(corners[:, :1]), corners), dim=1)
    context, truth = cut(plane, where, m).numpy(), cut_blocks(plane, where, m)[:, 0].numpy()
    cells = [(luma, "original")]
    for name, predict in (("planar", HEVCPredictor("planar")), (card.name, operator)):
        made = luma.copy()
        for (top, left), block in zip(corners.tolist(), predict(context, np.ones_like(context), truth), strict=True):
            made[top : top + m, left : left + m] = block
        cells.append((made, f"blocks of {m}x{m}\nby {name}"))
    return cells


def ways_of(card: Card) -> tuple[Callable[[Card, Operator], Cells], Callable[[Card, Operator], U8]]:
    """How a card's network is shown, and its curve drawn."""
    if card.kind == "colorization":
        return of_luma, on_hints
    if card.kind == "prediction":
        return of_blocks, on_blocks
    if card.kind == "sr" and not card.name.startswith(("codec", "look")):
        return of_pair if card.name.startswith("down") else of_small, on_sizes
    return of_base, on_base_layers


def main() -> None:
    torch.set_num_threads(1)
    cards = [read_card(path) for path in sorted(Path(lightning_dlic.zoo.__file__).parent.glob("*.yaml"))]
    for card in cards:
        target = PICTURES / f"{card.name}.webp"
        if card.name in sys.argv[1:] or (len(sys.argv) == 1 and not target.exists()):
            operator, (show, plot) = load(card.name), ways_of(card)
            cells = show(card, operator)
            save(rows_of([cells], 900 // len(cells)), target)
            if show is not of_luma or operator.net.takes_hints:
                save(plot(card, operator), PICTURES / f"{card.name}-curve.webp")


if __name__ == "__main__":
    main()
