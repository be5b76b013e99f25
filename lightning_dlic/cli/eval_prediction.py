"""``dlic eval`` of networks that predict blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlic_registry import DlicError
from lightning_dlic.cli.cells import cells, console
from lightning_dlic.cli.targets import Target, identity, load_target_net

if TYPE_CHECKING:
    import torch

    from lightning_dlic.pipeline.evaluate_prediction import Row
    from lightning_dlic.pipeline.predictors import NetPredictor

RIVALS = ("planar", "dc", "best35-satd", "best35-oracle")


def open_predictors(targets: Sequence[Target], device: torch.device) -> list[NetPredictor]:
    """Makes predictors of targets.

    Raises:
        DlicError: One is a baseline, or does not predict blocks.
    """
    from lightning_dlic.pipeline.predictors import NetPredictor

    for target in targets:
        if target.file is None:
            raise DlicError(f"{target.text}: networks that predict blocks are measured beside HEVC's modes, always")
    return [NetPredictor(target.name, *load_target_net(target), device=device) for target in targets]


def print_rows(rows: Sequence[Row]) -> None:
    """Prints the table: PSNR of each predictor, shares of blocks the network wins, and how sharp its blocks are."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("data", "target"):
        table.add_column(title)
    titles = ("size", "block", "blocks", "net", "net-oracle", *RIVALS, *(f"wins {name}" for name in RIVALS), "sharp")
    for title in titles:
        table.add_column(title, justify="right")
    previous = ""
    for row in rows:
        psnr, wins = row.psnr, row.wins
        figures = [f"{psnr[name]:.2f}" for name in (row.target, f"{row.target}-oracle", *RIVALS)]
        shares = [f"{wins[name]:.1%}" for name in RIVALS]
        sharp = f"{row.sharpness[row.target]:.2f}"
        label = row.data if row.data != previous else ""
        size = "1" if row.downsize == 1 else f"1/{row.downsize}"
        table.add_row(*cells(label, row.target, size, f"{row.m}x{row.m}", f"{row.blocks:,}", *figures, *shares, sharp))
        previous = row.data
    console(200).print(table)


def describe(targets: Sequence[Target], nets: Sequence[NetPredictor], rows: Sequence[Row]) -> dict[str, Any]:
    """The part of the JSON that is peculiar to prediction."""
    from lightning_dlic.pipeline.evaluate_prediction import PROTOCOL

    return {
        "protocol": PROTOCOL,
        "targets": {
            net.name: {**identity(target), "m": net.m, "parameters": net.parameters, "meta": net.meta}
            for target, net in zip(targets, nets, strict=True)
        },
        "results": [
            {
                "data": row.data,
                "downsize": row.downsize,
                "m": row.m,
                "target": row.target,
                "blocks": row.blocks,
                "psnr": row.psnr,
                "wins": row.wins,
                "sharpness": row.sharpness,
            }
            for row in rows
        ],
        "notes": [],
    }
