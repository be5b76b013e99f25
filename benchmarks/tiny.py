"""Placeholders of 100 to 600 bytes beside those of others: BlurHash at its largest grid, ThumbHash, AVIF. Keeps JSON.

python benchmarks/tiny.py FOLDER [--budgets 100,150,300,600] [--rows blurhash,thumbhash,avif,ours:tiny] [--limit N]
    [--json FILE]

Measured as `dlic bench` does; a codec that has no file of a budget for some picture has no figures there.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from reporting.keep import keep
from reporting.tables import tiny

from dlic_datamodules.folder_work import find_pictures
from lightning_dlic.bench.bench import PROTOCOL, Task, measure_folder, summarize

METRICS = ("psnr_rgb", "psnr_y", "ms_ssim", "lpips")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--budgets", default="100,150,300,600")
    parser.add_argument("--rows", default="blurhash,thumbhash,avif,ours:tiny")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    pictures = {path.name: path for path in find_pictures(asked.folder).files[: asked.limit]}
    task = Task(tuple(map(int, asked.budgets.split(","))), asked.rows, METRICS)
    measured = measure_folder(pictures, task, 1, partial(print, file=sys.stderr, flush=True))
    if measured.failed:
        raise SystemExit(f"{asked.folder}: {measured.failed}")
    figures = {
        "protocol": PROTOCOL,
        "pictures": list(pictures),
        "summary": summarize(measured.records, METRICS, len(pictures)),
        "records": measured.records,
    }
    print("\n".join(tiny(figures)))
    if asked.json:
        keep(asked.json, figures, "av", "imageio-ffmpeg")


if __name__ == "__main__":
    main()
