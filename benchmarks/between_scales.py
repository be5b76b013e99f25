"""What scales between whole ones are worth to the search, with a pipeline's networks and without. Prints a table; JSON.

python benchmarks/between_scales.py FOLDER [--bytes 1000,2000] [--scales 1.5,2.5] [--pipelines photo,faithful]
    [--limit 4] [--json FILE]

Pictures are brought to 768 pixels on their longer side. Each row is the search by PSNR over all channels (by MS-SSIM
beside it) with one more scale, less the search over whole ones alone: PSNR-RGB of the former's files, MS-SSIM of the
latter's, and how many pictures took the scale.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from reporting.keep import keep
from reporting.tables import between_scales

from lightning_dlic.bench.bench import score
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.pictures import load_picture
from lightning_dlic.pipeline.plan import find_pipeline
from lightning_dlic.pipeline.scales import SCALES, whole
from lightning_dlic.pipeline.search import Search
from lightning_dlic.pipeline.settings import Settings
from lightning_dlic.pipeline.source import Source

BEST_BY = {"psnr": "psnr_rgb", "ms_ssim": "ms_ssim"}
SIDE = 768


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bytes", default="1000,2000")
    parser.add_argument("--scales", default="1.5,2.5")
    parser.add_argument("--pipelines", default="photo,faithful")
    parser.add_argument("--limit", type=int, default=4)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    extra = [float(each) for each in asked.scales.split(",")]
    found: list[dict[str, Any]] = []
    for path in sorted(asked.folder.iterdir())[: asked.limit]:
        image = Image.fromarray(load_picture(path))
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        for pipeline in asked.pipelines.split(","):
            for limit in map(int, asked.bytes.split(",")):
                found += measured(path.name, Source(np.asarray(image)), pipeline, limit, extra)
                if asked.json:
                    keep(asked.json, {"side": SIDE, "records": found}, "imageio-ffmpeg")
    print("\n".join(between_scales({"records": found})))


def measured(name: str, source: Source, pipeline: str, limit: int, extra: list[float]) -> list[dict[str, Any]]:
    """A record for each measure and set of scales; the first is that of whole ones."""
    found = []
    for by, figure in BEST_BY.items():
        first = 0.0
        for scale in (0.0, *extra):
            scales = tuple(sorted({*whole(SCALES), *([scale] if scale else [])}))
            made = Search(source, Settings(scales=scales, pipeline=find_pipeline(pipeline), threads=1), by).within(
                limit
            )
            value = score(decompress(made.stream.to_bytes()), source.picture, (figure,))[figure]
            first = first or value
            found.append(
                {
                    "picture": name,
                    "pipeline": pipeline,
                    "limit": limit,
                    "by": by,
                    "scale": scale,
                    "chosen": made.stream.factor,
                    "bytes": made.size,
                    figure: value,
                    "gain": value - first,
                }
            )
    told = [(r["by"], r["scale"], r["chosen"], round(r["gain"], 4)) for r in found]
    print(name, pipeline, limit, told, file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    main()
