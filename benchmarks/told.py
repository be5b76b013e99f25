"""What a network makes of base layers when it is told another quantiser's step than the file says.

python benchmarks/told.py FOLDER [--codec vvc] [--bytes 2000] [--scale 2] [--offsets=0,-.5,-1] [--limit 6]
    [--network zoo:decoder_features --alpha 1 --metrics psnr_rgb,ms_ssim,lpips]

Pictures are brought to 768 pixels on their longer side. A line for each offset: figures less those of none.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lightning_dlic.bench.bench import score
from lightning_dlic.operators.base import load_operator
from lightning_dlic.operators.reconstructor import Reconstructor
from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decode_layers
from lightning_dlic.pipeline.pictures import load_picture

SIDE = 768


def main() -> None:
    """Prints a line for each offset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--codec", default="vvc")
    parser.add_argument("--bytes", type=int, default=2000)
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--offsets", default="0,-0.5,0.5", help="added to the step's binary logarithm; 0 first")
    parser.add_argument("--network", default="zoo:decoder_pixel")
    parser.add_argument("--alpha", type=float, default=0.0, help="how much it may make up")
    parser.add_argument("--metrics", default="psnr_rgb,psnr_y,ssim_y,ms_ssim")
    parser.add_argument("--limit", type=int, default=6)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("once")
    network, offsets = load_operator(asked.network), [float(each) for each in asked.offsets.split(",")]
    metrics = tuple(asked.metrics.split(","))
    assert isinstance(network, Reconstructor)
    found = []
    for path in sorted(asked.folder.iterdir())[: asked.limit]:
        image = Image.fromarray(load_picture(path))
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        picture = np.asarray(image)
        made = compress(picture, bytes=asked.bytes, codec=asked.codec, scale=asked.scale, pipeline="bicubic")
        layers = decode_layers(made.stream)
        size, step = picture.shape[:2], layers.step
        rows = []
        for offset in offsets:
            told = None if step is None else step + offset
            output = network(layers.planes, asked.scale, *size, quality=told, alpha=asked.alpha)
            rows.append(list(score(output, picture, metrics).values()))
        found.append(rows)
    means = np.mean(found, axis=0)
    print(f"{asked.codec}, {asked.bytes} bytes, scale {asked.scale}, {len(found)} pictures; {', '.join(metrics)}")
    for offset, row in zip(offsets, means, strict=True):
        print(f"{offset:+5.2f}  {'  '.join(f'{value:+.4f}' for value in row - means[0])}")


if __name__ == "__main__":
    main()
