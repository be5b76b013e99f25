"""How a network enlarges decoded base layers, beside bicubic interpolation: JSON.

    DLIC_DATA=... python benchmarks/decoded.py zoo:codec_y_x2 [--codecs hevc,avif] [--shares 0.1,0.2,0.35,0.5]

Each picture's luma is made small, coded and decoded at a share of the codec's quality steps, and enlarged again.
Scores: PSNR and SSIM of the 8-bit full-range luma over the whole picture, and LPIPS (AlexNet) of it as three equal
channels, means over pictures.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from dlic_datamodules.places import place
from dlic_registry import load
from lightning_dlic.codec import Planes
from lightning_dlic.operators.base import load_operator
from lightning_dlic.operators.layers import Layers
from lightning_dlic.pipeline.measures import lpips_distance, psnr, ssim
from lightning_dlic.pipeline.pictures import load_picture
from lightning_dlic.pipeline.source import Source
from lightning_dlic.versions import versions
from lightning_dlic.zoo import load_net


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--folder", type=Path, help="default: kodak below $DLIC_DATA/benchmarks")
    parser.add_argument("--codecs", default="hevc,avif")
    parser.add_argument("--shares", default="0.1,0.2,0.35,0.5")
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    folder = options.folder or place(None, "benchmarks/kodak")
    scale = load_net(options.target)[1]["scale"]
    net = load_operator(options.target)
    sources = [Source(load_picture(path, gray=True)) for path in sorted(folder.iterdir())[: options.limit]]
    lpips, figures = lpips_distance(), {}
    for name in options.codecs.split(","):
        codec = load("codec", name)()
        for share in map(float, options.shares.split(",")):
            rows = [_measure(source, codec, round(share * (codec.steps - 1)), scale, net, lpips) for source in sources]
            means = {key: round(sum(row[key] for row in rows) / len(rows), 4) for key in rows[0]}
            figures[f"{folder.name}, {name} at {share:g} of its steps"] = means
    print(
        json.dumps(
            {
                "target": options.target,
                "pictures": len(sources),
                "protocol": " ".join((__doc__ or "").split("\n\n")[-1].split()),
                "versions": versions("av"),
                "figures": figures,
            },
            indent=2,
        )
    )


def _measure(source: Source, codec, quality: int, scale: int, net, lpips) -> dict[str, float]:  # type: ignore[no-untyped-def]
    small = source.small(scale)
    payload = codec.encode(Planes(small.y), quality, 5)
    base = codec.decode(payload, *small.y.shape, False).y
    layers = Layers(Planes(base), Planes(base), scale, *source.luma.shape)
    net_picture, plain = net.advance(layers).luma, layers.enlarged()
    return {
        "bytes": len(payload),
        "psnr": psnr(net_picture, source.luma),
        "bicubic_psnr": psnr(plain, source.luma),
        "ssim": ssim(net_picture, source.luma),
        "bicubic_ssim": ssim(plain, source.luma),
        "lpips": lpips(net_picture, source.luma),
        "bicubic_lpips": lpips(plain, source.luma),
    }


if __name__ == "__main__":
    main()
