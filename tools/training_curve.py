"""What is kept of a network's training: docs/zoo/curves/NAME.csv, a run's metrics.csv up to the batch of the weights.

    python tools/training_curve.py RUN NAME    # keeps it, and draws docs/zoo/pictures/NAME-training.webp
    python tools/training_curve.py RUN NAME --after 9000 [--leave train/net_pixel]    # a run that went on from there

`tools/make_card.py` does so for each network that goes into the zoo.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from drawn import U8, save

from lightning_dlic.zoo import find_card

DOCS = Path(__file__).parents[1] / "docs" / "zoo"
Points = tuple[list[float], list[float]]


def kept(name: str) -> Path:
    """Where a network's curve lies, if there is one."""
    return DOCS / "curves" / f"{name}.csv"


def keep(run: Path, name: str, steps: int, after: int = 0, leave: Sequence[str] = ()) -> None:
    """Copies a run's losses and figures up to a batch, six digits of each.

    Args:
        run: Its folder.
        name: The network's.
        steps: The last batch, counted from the network's first.
        after: Batches before the run, of which a curve is kept already.
        leave: Columns that are something else than those of the same name in it.
    """
    rows = [row for row in _read(kept(name)) if int(row["step"]) <= after] if after else []
    for row in _read(run / "metrics.csv"):
        step = int(row["step"]) + after
        if step <= steps:
            rows.append({**{key: _short(value) for key, value in row.items() if key not in leave}, "step": str(step)})
    columns = [key for key in dict.fromkeys(key for row in rows for key in row) if any(row.get(key) for row in rows)]
    kept(name).parent.mkdir(parents=True, exist_ok=True)
    with kept(name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _short(value: str) -> str:
    return f"{float(value):.6g}" if value else ""


def lines(path: Path) -> dict[str, Points]:
    """Each column of a kept curve, by batches."""
    found: dict[str, Points] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            step = float(row.pop("step"))
            for key, value in row.items():
                if value:
                    points = found.setdefault(key, ([], []))
                    points[0].append(step)
                    points[1].append(float(value))
    return found


def draw(path: Path) -> U8:
    """Losses on the left; on the right the validations, PSNR where that was measured."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    every = lines(path)
    losses = {key: points for key, points in every.items() if key.startswith("train/")}
    measured = {key: points for key, points in every.items() if key.startswith("val/")}
    measured = {key: points for key, points in measured.items() if "psnr" in key} or measured
    figure, axes = pyplot.subplots(
        1, 1 + bool(measured), figsize=(8.2, 3.0), dpi=110, layout="constrained", squeeze=False
    )
    for place, named, up in zip(axes[0], (losses, measured), ("losses", "validations"), strict=False):
        for key, (x, y) in named.items():
            place.plot(
                x, y, marker="o" if len(x) < 12 else "", markersize=3.5, linewidth=1, label=key.partition("/")[2]
            )
        place.set(xlabel="batches", ylabel=up)
        place.set_xlim(left=0)
        place.grid(alpha=0.3)
        place.legend(frameon=False, fontsize=8)
    if all(value > 0 for _, values in losses.values() for value in values):
        axes[0][0].set_yscale("log")
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
    pyplot.close(figure)
    return pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--after", type=int, default=0, help="batches of the runs before, whose curve is kept")
    parser.add_argument("--leave", nargs="*", default=[], help="columns that are something else than before")
    options = parser.parse_args()
    keep(options.run, options.name, find_card(options.name).steps, options.after, options.leave)
    save(draw(kept(options.name)), DOCS / "pictures" / f"{options.name}-training.webp")


if __name__ == "__main__":
    main()
