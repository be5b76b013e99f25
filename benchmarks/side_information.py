"""What side information must win before it pays: the figures that a file loses with the bytes it takes. JSON.

python benchmarks/side_information.py [--codec ours:look] [--set kodak] [--bytes 300] [--json FILE]

From benchmarks/results/report.json: at each budget measured there a codec's mean figures; between two budgets they are
taken to be straight over the logarithm of the bytes. So many bytes of tokens in a file of 2,000 leave the base layer
with the rest, and the decoder with the figures of a smaller file: tokens must win back more than the difference.
"""

from __future__ import annotations

import argparse
import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

REPORT = Path(__file__).parent / "results" / "report.json"
FIGURES = ("lpips", "psnr_rgb", "psnr_y", "ms_ssim")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codec", default="ours:look")
    parser.add_argument("--set", default="kodak")
    parser.add_argument("--bytes", type=int, default=300, help="of side information")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    part = json.loads(REPORT.read_text())["parts"][options.set]
    rows = sorted((row for row in part["summary"] if row["codec"] == options.codec), key=lambda row: row["budget"])
    report = {
        "codec": options.codec,
        "set": options.set,
        "stamp": {key: part["stamps"][options.codec][key] for key in ("date", "commit")},
        "side_information": options.bytes,
        "steps": [step(low, high, options.bytes) for low, high in pairwise(rows)],
    }
    text = json.dumps(report, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


def step(low: dict[str, Any], high: dict[str, Any], spent: int) -> dict[str, Any]:
    """What a file of the greater budget has, and what is left of it after so many bytes."""
    share = math.log((high["budget"] - spent) / low["budget"]) / math.log(high["budget"] / low["budget"])
    names = [name for name in FIGURES if name in low and name in high]
    left = {name: low[name] + share * (high[name] - low[name]) for name in names}
    return {
        "budgets": [low["budget"], high["budget"]],
        "whole": {name: round(high[name], 4) for name in names},
        "without": {name: round(left[name], 4) for name in names},
        "to_win_back": {name: round(high[name] - left[name], 4) for name in names},
    }


if __name__ == "__main__":
    main()
