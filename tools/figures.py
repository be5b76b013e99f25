"""Draws the figures of docs/how-it-works with the codec's own parts: python tools/figures.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from drawn import U8, cat, rows_of, save

from dlic_registry import load
from lightning_dlic.codec.container import HINTS_CHUNK, Bitstream
from lightning_dlic.imaging.color import ycbcr_to_rgb
from lightning_dlic.imaging.numpy.color import split
from lightning_dlic.pipeline.assemble import advanced, finished
from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decode_layers
from lightning_dlic.pipeline.plan import Pipeline, find_pipeline
from lightning_dlic.pipeline.resolve import resolve

PAGES = Path(__file__).parents[1] / "docs" / "how-it-works"
BYTES = 2000
SMALL = ["scale=2", "base.name=hevc", "always=true"]


def walk() -> U8:
    """A photograph on its way into 2,000 bytes and out again: as a rule, and with its colour by hints."""
    picture = cat()
    height, width = picture.shape[:2]
    plan = find_pipeline("photo", SMALL)
    plain = Bitstream.from_bytes(compress(picture, bytes=BYTES, pipeline=plan).data)
    layers = decode_layers(plain)
    rule = [
        (picture, f"the photograph, {width}x{height}:\n{picture.nbytes:,} bytes of samples"),
        (finished(replace(layers, scale=1, height=height // 2, width=width // 2)), _payload("1. half as large", plain)),
        (finished(layers), "2. enlarged\nby interpolation"),
        (_made(plain, plan), f"3. or by the network:\n{len(plain.to_bytes()):,} bytes in all"),
    ]
    hinted = Bitstream.from_bytes(compress(picture, bytes=BYTES, pipeline=plan, hints="segmentation,300").data)
    layers = decode_layers(hinted)
    assert layers.coloring is not None
    regions = layers.coloring.labels.repeat(3, 0).repeat(3, 1)
    edges = np.zeros(regions.shape, bool)
    edges[:, 1:] |= regions[:, 1:] != regions[:, :-1]
    edges[1:] |= regions[1:] != regions[:-1]
    cut = np.where(edges, np.uint8(255), layers.base.y.repeat(3, 0).repeat(3, 1))
    sent = hinted.chunk(HINTS_CHUNK) or b""
    luma = advanced(layers, resolve(hinted, plan, colored=True)[:1]).enlarged()
    hints = [
        (layers.base.y, _payload("1. its luma, half as large", hinted)),
        (cut, f"2. {regions.max() + 1} regions cut of it;\ntheir colours: {len(sent):,} bytes"),
        (luma, "3. luma enlarged\nby a network"),
        (_made(hinted, plan), f"4. coloured by another:\n{len(hinted.to_bytes()):,} bytes in all"),
    ]
    return rows_of([rule, hints], 225)


def tasks() -> U8:
    """What stages of three kinds make of the same picture."""
    picture = cat()[60:188, 120:248]
    batch = {"image": torch.from_numpy(picture).permute(2, 0, 1)[None].contiguous()}
    torch.manual_seed(0)
    sr = load("sr", "compact")(scale=4, channels=3, width=8, blocks=1)
    small, large = sr.task(batch)
    colour = load("colorization", "multihypothesis")().train()
    (luma, hinted), _ = colour.task(batch)
    prediction = load("prediction", "pnns_fc")(m=16).eval()
    context, block = prediction.task(batch)
    cells = [
        (_picture(small[0]).repeat(4, 0).repeat(4, 1), "sr:\ninput"),
        (_picture(large[0]), "\ntarget"),
        (_picture(luma[0]), "colorization:\nluma"),
        (_hinted(luma[0], hinted[0]), "\nwith hints"),
        (_context(context[0, 0].numpy(), 16), "prediction:\ncontext"),
        (_block(block[0]), "\nblock"),
    ]
    return rows_of([cells], 150)


def ways() -> U8:
    """The same picture in the same bytes, by each way of colour."""
    picture = cat()
    plan = find_pipeline("photo", SMALL)
    cells = [(picture, "original")]
    for way in ("base", "grid", "segmentation", "none"):
        stream = Bitstream.from_bytes(compress(picture, bytes=1000, pipeline=plan, hints=way, effort=3).data)
        cells.append((_made(stream, plan), f"--hints {way}\n{len(stream.to_bytes()):,} bytes"))
    cells.append((split(picture)[0], "its luma, not coded"))
    return rows_of([cells[:3], cells[3:]], 300)


def _made(stream: Bitstream, plan: Pipeline) -> U8:
    """The picture, with networks."""
    layers = decode_layers(stream)
    colored = layers.coloring is not None and layers.coloring.head.net
    return finished(advanced(layers, resolve(stream, plan, colored=colored)))


def _payload(words: str, stream: Bitstream) -> str:
    return f"{words},\ncoded, decoded: {len(stream.payload):,} bytes"


def _picture(x: torch.Tensor) -> U8:
    pixels = (x.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def _hinted(luma: torch.Tensor, planes: torch.Tensor) -> U8:
    return _picture(ycbcr_to_rgb(torch.cat((luma, planes[:2]))[None])[0])


def _context(samples: U8, m: int) -> U8:
    area = np.full((3 * m, 3 * m), 255, np.uint8)
    area[:m, :] = samples[: 3 * m * m].reshape(m, 3 * m)
    area[m:, :m] = samples[3 * m * m :].reshape(2 * m, m)
    return area.repeat(5, 0).repeat(5, 1)


def _block(x: torch.Tensor) -> U8:
    return _picture(x).repeat(15, 0).repeat(15, 1)


def main() -> None:
    for draw in (walk, tasks, ways):
        save(draw(), PAGES / f"{draw.__name__}.webp")


if __name__ == "__main__":
    main()
