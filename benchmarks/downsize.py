"""A learned downsizing against bicubic with the same network behind it, also when the small picture is coded with loss.

    DLIC_DATA=... python benchmarks/downsize.py [--pair down_x4] [--reference compact_x4] [--crop 512] [--json FILE]

Both networks enlarge small pictures of `photos/valid` that went through PNG, WebP and JPEG, the pair those of its own
downsizing, the other bicubic's. Prints bytes of the small pictures and PSNR-Y, means over the pictures, by coder.
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dlic_datamodules.places import place
from lightning_dlic.api.targets import find_targets, load_target_net
from lightning_dlic.measure.sets import open_set
from lightning_dlic.metrics.protocol import score
from lightning_dlic.operators.enlarger import Enlarger, NetEnlarger
from lightning_dlic.operators.upscale import to_pixels, to_tensor
from lightning_dlic.versions import versions

CODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "PNG": ("PNG", {}),
    **{f"WebP {quality}": ("WEBP", {"quality": quality}) for quality in (90, 75, 50, 25)},
    **{f"JPEG {quality}": ("JPEG", {"quality": quality}) for quality in (95, 75, 50)},
}


def original(path: Path, crop: int, scale: int) -> Tensor:
    """The middle of a picture, uint8 ``[1, 3, H, W]``."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    height, width = (min(side, crop) // scale * scale for side in pixels.shape[:2])
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return to_tensor(pixels[top : top + height, left : left + width])


def code(small: Tensor, form: str, options: dict[str, Any]) -> tuple[int, Tensor]:
    """Bytes, and the picture that they give back."""
    buffer = io.BytesIO()
    Image.fromarray(to_pixels(small)).save(buffer, form, **options)
    with Image.open(buffer) as image:
        return len(buffer.getvalue()), to_tensor(np.asarray(image.convert("RGB")))


@torch.inference_mode()
def measure(enlarger: Enlarger, pictures: list[Tensor]) -> dict[str, dict[str, float]]:
    """Means of bytes and PSNR-Y by coder."""
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in CODERS}
    for picture in pictures:
        small = enlarger.downsize(picture)
        for name, (form, options) in CODERS.items():
            size, decoded = code(small, form, options)
            rows[name].append((size, score(enlarger(decoded), picture, enlarger.scale)["psnr_y"]))
    means = {name: np.mean(values, axis=0) for name, values in rows.items()}
    return {name: {"bytes": round(float(m[0]), 1), "psnr_y": round(float(m[1]), 3)} for name, m in means.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pair", default="down_x4")
    parser.add_argument("--reference", default="compact_x4")
    parser.add_argument("--crop", type=int, default=512)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    targets = find_targets([options.pair, options.reference])
    enlargers = [NetEnlarger(target.name, *load_target_net(target)) for target in targets]
    files = open_set(place(None, "photos/valid")).files
    pictures = [original(path, options.crop, enlargers[0].scale) for path in files]
    figures = {enlarger.name: measure(enlarger, pictures) for enlarger in enlargers}
    text = json.dumps(
        {
            "pictures": len(pictures),
            "crop": options.crop,
            "versions": versions("pytorch-lightning"),
            "figures": figures,
        },
        indent=2,
    )
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
