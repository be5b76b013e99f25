"""``dlic eval`` of networks for colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlic_registry import DlicError
from lightning_dlic.cli.cells import cells, console
from lightning_dlic.cli.targets import COLOR_BASELINES, Target, identity, load_target_net

if TYPE_CHECKING:
    import torch

    from lightning_dlic.pipeline.colourings import Way
    from lightning_dlic.pipeline.evaluate_color import Row

HINTS = "none,oracle,grid-small,grid-large,segmentation-small,segmentation-large"
_COLUMNS = (
    ("bytes", "{:,.0f}"),
    ("psnr_rgb", "{:.2f}"),
    ("psnr_rgb_decoded", "{:.2f}"),
    ("psnr_ab", "{:.2f}"),
    ("delta_e", "{:.2f}"),
    ("lpips", "{:.4f}"),
    ("colourfulness", "{:.1f}"),
    ("colourfulness_difference", "{:.1f}"),
    ("auc", "{:.1f}"),
    ("auc_rebalanced", "{:.1f}"),
)
_TITLES = {
    "psnr_rgb": "RGB",
    "psnr_rgb_decoded": "RGB dec.",
    "psnr_ab": "ab",
    "delta_e": "dE00",
    "colourfulness": "vivid",
    "colourfulness_difference": "differs",
    "auc_rebalanced": "AuC reb.",
    "auc": "AuC",
    "lpips": "LPIPS",
}


def open_ways(
    targets: Sequence[Target],
    hints: str,
    device: torch.device,
    temperature: float | None = None,
    rebalance: float | None = None,
) -> list[Way]:
    """Makes the ways to colour that targets and hints stand for.

    Args:
        targets: Networks and floors.
        hints: Names, separated by commas.
        device: Where networks compute.
        temperature: For networks that classify colours.
        rebalance: For networks that classify colours.

    Raises:
        DlicError: A target is not for colour, or hints are unknown.
    """
    from lightning_dlic.nets.colorization.base import ColorNet
    from lightning_dlic.nets.colorization.bins import BinNet
    from lightning_dlic.pipeline.colorizer import Colorizer
    from lightning_dlic.pipeline.colourings import floors, networks, parse_hints

    asked = [parse_hints(text.strip()) for text in hints.split(",")]
    ways: list[Way] = []
    for target in targets:
        if target.file is None:
            if target.text not in COLOR_BASELINES:
                raise DlicError(
                    f"{target.text} enlarges; beside networks for colour only {', '.join(COLOR_BASELINES)} can stand"
                )
            ways += floors(target.text, asked)
            continue
        net, _ = load_target_net(target)
        if not isinstance(net, ColorNet):
            raise DlicError(f"{target.text}: not a network for colour")
        if isinstance(net, BinNet):
            net.temperature = net.temperature if temperature is None else temperature
            net.rebalance = net.rebalance if rebalance is None else rebalance
        ways += networks(target.name, Colorizer(net.to(device)), asked)
    if not ways:
        raise DlicError("--hints: none of them is of use to the targets")
    return ways


def print_rows(rows: Sequence[Row]) -> None:
    """Prints the table."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    shown = [(name, form) for name, form in _COLUMNS if any(name in row.figures for row in rows)]
    for title in ("data", "target", "hints"):
        table.add_column(title)
    for name, _ in shown:
        table.add_column(_TITLES.get(name, name), justify="right", no_wrap=True)
    previous = ""
    for row in rows:
        figures = row.figures
        texts = [form.format(figures[name]) if name in figures else "-" for name, form in shown]
        table.add_row(*cells(row.data if row.data != previous else "", row.target, row.hints, *texts))
        previous = row.data
    console(200).print(table)


def describe(targets: Sequence[Target], rows: Sequence[Row]) -> dict[str, Any]:
    """The part of the JSON that is peculiar to colour."""
    from lightning_dlic.pipeline.evaluate_color import PROTOCOL

    return {
        "protocol": PROTOCOL,
        "targets": {target.name: identity(target) for target in targets},
        "results": [
            {"data": r.data, "target": r.target, "hints": r.hints, "figures": r.figures, "pictures": r.pictures}
            for r in rows
        ],
        "notes": [],
    }
