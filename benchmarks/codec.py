"""Times ``dlic compress`` and ``dlic decompress`` on a photograph, and prints what a flat picture costs.

python benchmarks/codec.py [PICTURE] [--bytes 2000] [--pipeline photo] [--hints auto] [--efforts 1,5]

Without a picture one is taken from scikit-image and brought to 768x512. Times are of the work itself after one warm-up
of each kind, so without start-up.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings

import numpy as np
from PIL import Image

from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.pictures import load_picture


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", nargs="?")
    parser.add_argument("--bytes", type=int, default=2000)
    parser.add_argument("--pipeline", default="photo")
    parser.add_argument("--hints", default=None)
    parser.add_argument("--efforts", default="1,3,5,7")
    asked = parser.parse_args()
    warnings.simplefilter("once")
    picture = load_picture(asked.picture) if asked.picture else _photograph()
    # What is imported and loaded on first use is start-up.
    decompress(compress(picture, bytes=asked.bytes, pipeline=asked.pipeline).data)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {picture.shape[1]}x{picture.shape[0]} pixels")
    for effort in map(int, asked.efforts.split(",")):
        before, start = os.times(), time.perf_counter()
        made = compress(picture, bytes=asked.bytes, effort=effort, pipeline=asked.pipeline, hints=asked.hints)
        middle = time.perf_counter()
        after = os.times()
        decompress(made.data)
        end = time.perf_counter()
        how = f"{made.stream.codec} scale {made.stream.scale}, ssim {made.score:.4f}"
        print(
            f"effort {effort}: {len(made.data)} bytes ({how}); "
            f"encode {middle - start:.2f} s, decode {end - middle:.3f} s"
        )
        spent, pixels = made.spent, picture.shape[0] * picture.shape[1]
        stages = ", ".join(f"{what} {seconds:.2f} s" for what, seconds in spent.seconds.items())
        counts = f"{spent.encodings} encodings, {spent.net_pixels / pixels:.1f} pictures by networks"
        processor = sum(after[:4]) - sum(before[:4])
        print(f"  {counts}; processor {processor:.1f} s; threads' time: {stages}")
    flat = compress(np.full((96, 128), 128, np.uint8), bytes=100, pipeline="bicubic")
    print(f"flat grey 128x96: {len(flat.data)} bytes, of which {len(flat.stream.payload)} are the base layer's")


def _photograph() -> np.ndarray:
    from skimage import data

    return np.asarray(Image.fromarray(data.coffee()).resize((768, 512), Image.Resampling.BICUBIC))


if __name__ == "__main__":
    main()
