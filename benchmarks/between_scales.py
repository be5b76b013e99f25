"""What scales between whole ones are worth to the search, with a pipeline's networks and without. Prints a table; JSON.

python benchmarks/between_scales.py FOLDER [--bytes 1000,2000] [--scales 1.5,2.5] [--pipelines photo,faithful]
    [--limit 4] [--json FILE]

Pictures are brought to 768 pixels on their longer side. Each row is the search by PSNR over all channels (by MS-SSIM
beside it) with one more scale, less the search over whole ones alone: PSNR-RGB of the former's files, MS-SSIM of the
latter's, and how many pictures took the scale.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lightning_dlic.bench.bench import score
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.pictures import load_picture
from lightning_dlic.pipeline.plan import find_pipeline
from lightning_dlic.pipeline.scales import SCALES, whole
from lightning_dlic.pipeline.search import Search
from lightning_dlic.pipeline.settings import Settings
from lightning_dlic.pipeline.source import Source
from lightning_dlic.versions import versions

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
                    content = {"side": SIDE, "versions": versions("imageio-ffmpeg"), "records": found}
                    asked.json.write_text(json.dumps(content, indent=1) + "\n")
    print("| pipeline | bytes | scale | PSNR-RGB | MS-SSIM | taken by PSNR |\n|---|---|---|---|---|---|")
    for pipeline, limit, scale in dict.fromkeys((r["pipeline"], r["limit"], r["scale"]) for r in found if r["scale"]):
        mine = [r for r in found if (r["pipeline"], r["limit"], r["scale"]) == (pipeline, limit, scale)]
        gains = (f"{np.mean([r['gain'] for r in mine if r['by'] == by]):+.4f}" for by in BEST_BY)
        taken = sum(r["chosen"] == scale for r in mine if r["by"] == "psnr")
        print(f"| {pipeline} | {limit} | {scale:g} | {' | '.join(gains)} | {taken} of {len(mine) // len(BEST_BY)} |")


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
    print(name, pipeline, limit, [(r["by"], r["scale"], r["chosen"], round(r["gain"], 4)) for r in found], flush=True)
    return found


if __name__ == "__main__":
    main()
