"""Compares the base codec `intra` with others on small grey pictures, with its networks and without, and prints JSON.

python benchmarks/intra.py $DLIC_DATA/benchmarks/kodak [--scales 2 4] [--limit 24] [--effort 5]

Each picture's luma is made smaller by each scale; scale 0 means 96x64. BD-rates are over whole files, container and
checksum included, at 30 to 38 dB, and are means over pictures; negative means that `intra` is smaller. WebP and AVIF
are files by Pillow; `hevc` is our stripped payload in our container.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import bjontegaard
import numpy as np
from PIL import Image
from reporting.keep import keep

from lightning_dlic.codec import BaseCodec, Bitstream, Planes, base_codec
from lightning_dlic.codec.intra.codec import IntraCodec
from lightning_dlic.pipeline.pictures import load_picture
from lightning_dlic.pipeline.source import Source

LOW, HIGH = 30.0, 38.0
Curve = list[tuple[float, float]]
Code = Callable[[np.ndarray, int], tuple[int, np.ndarray]]


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((a.astype(float) - b) ** 2))))


def ours(codec: BaseCodec, name: str, effort: int) -> Code:
    """Codes by a base codec, in our container."""

    def code(luma: np.ndarray, quality: int) -> tuple[int, np.ndarray]:
        height, width = luma.shape
        payload = codec.encode(Planes(luma), quality, effort)
        decoded = codec.decode(payload, height, width, False)
        return len(Bitstream(width, height, 1, name, False, payload, decoded.crc32()).to_bytes()), decoded.y

    return code


def file(kind: str, **options: object) -> Code:
    """Codes as a file by Pillow."""

    def code(luma: np.ndarray, quality: int) -> tuple[int, np.ndarray]:
        memory = io.BytesIO()
        Image.fromarray(luma).save(memory, kind, quality=quality, **options)
        return memory.tell(), np.asarray(Image.open(memory).convert("L"))

    return code


def curve(code: Code, luma: np.ndarray, qualities: range) -> Curve:
    """Bits a pixel and PSNR, from coarse to fine, from the last point below the lowest PSNR to the first above."""
    points: Curve = []
    for quality in qualities:
        size, decoded = code(luma, quality)
        points.append((8 * size / luma.size, psnr(decoded, luma)))
        if points[-1][1] > HIGH:
            break
    below = sum(quality < LOW for _, quality in points)
    return points[max(0, below - 1) :]


def bd_rate(anchor: Curve, tested: Curve) -> float:
    """Percent of bits saved (negative) at equal PSNR."""
    (rate_a, psnr_a), (rate_t, psnr_t) = (zip(*sorted(set(points)), strict=True) for points in (anchor, tested))
    return float(bjontegaard.bd_rate(rate_a, psnr_a, rate_t, psnr_t, method="akima", require_matching_points=False))


def small(path: Path, scale: int) -> np.ndarray:
    """Luma of a picture, made smaller."""
    picture = load_picture(str(path))
    if scale:
        return Source(picture).small(scale).y
    grey = Image.fromarray(Source(picture).small(1).y)
    wide = grey.width >= grey.height
    return np.asarray(grey.resize((96, 64) if wide else (64, 96), Image.Resampling.BICUBIC))


def timing(effort: int) -> dict[str, float]:
    """Seconds of a warm codec for 192x128 luma at 30 to 34 dB."""
    from skimage import data

    luma = Source(np.ascontiguousarray(data.coffee()[:256, :384])).small(2).y
    codec = IntraCodec()
    payload = codec.encode(Planes(luma), 28, effort)
    codec.decode(payload, *luma.shape, False)
    start, spent = time.perf_counter(), time.process_time()
    codec.encode(Planes(luma), 28, effort)
    middle, half = time.perf_counter(), time.process_time()
    codec.decode(payload, *luma.shape, False)
    return {
        "encode": middle - start,
        "decode": time.perf_counter() - middle,
        "encode_cpu": half - spent,
        "decode_cpu": time.process_time() - half,
    }


def coders(effort: int) -> dict[str, tuple[Code, range]]:
    """What is compared, and the qualities of each from coarse to fine."""
    return {
        "intra": (ours(IntraCodec(), "intra", effort), range(14, 64, 6)),
        "intra_off": (ours(IntraCodec([]), "intra", effort), range(14, 64, 6)),
        "hevc": (ours(base_codec("hevc"), "hevc", 9), range(12, 48, 4)),
        "webp_file": (file("webp", method=6), range(2, 100, 12)),
        "avif_file": (file("avif", speed=2), range(10, 100, 10)),
    }


def compare(path: Path, scale: int, effort: int) -> dict[str, float]:
    """BD-rates on one picture."""
    warnings.simplefilter("ignore")
    luma = small(path, scale)
    curves = {name: curve(code, luma, qualities) for name, (code, qualities) in coders(effort).items()}
    names = [name for name in curves if name != "intra"]
    found = {f"intra_against_{name}": bd_rate(curves[name], curves["intra"]) for name in names}
    return found | {"intra_off_against_hevc": bd_rate(curves["hevc"], curves["intra_off"])}


def main() -> None:
    """Prints one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scales", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--limit", type=int, default=24, help="every picture, or so many spread over the folder")
    parser.add_argument("--effort", type=int, default=5)
    parser.add_argument("--json", type=Path, help="keep them there, with what they were made by")
    asked = parser.parse_args()
    paths = sorted(path for path in asked.folder.iterdir() if path.suffix.lower() in (".png", ".jpg"))
    paths = [paths[index * len(paths) // asked.limit] for index in range(min(asked.limit, len(paths)))]
    report: dict[str, object] = {
        "folder": asked.folder.name,
        "pictures": len(paths),
        "psnr": [LOW, HIGH],
        "effort": asked.effort,
        "seconds_192x128": timing(asked.effort),
        "load": os.getloadavg()[0],
        "networks": [predictor.m for predictor in IntraCodec().predictors],
    }
    with ProcessPoolExecutor() as pool:
        for scale in asked.scales:
            found = list(pool.map(partial(compare, scale=scale, effort=asked.effort), paths))
            name = f"1/{scale}" if scale else "96x64"
            report[name] = {key: round(float(np.mean([rates[key] for rates in found])), 2) for key in found[0]}
    print(json.dumps(report, indent=1))
    if asked.json:
        keep(asked.json, report)


if __name__ == "__main__":
    main()
