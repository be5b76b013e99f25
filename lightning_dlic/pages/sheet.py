"""A bitstream taken apart on one sheet: as a page of HTML, or as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlic_registry import DlicError
from lightning_dlic.codec import Bitstream
from lightning_dlic.codec.networks import named_networks
from lightning_dlic.imaging.numpy.color import luma
from lightning_dlic.metrics.terms import MOST_DB
from lightning_dlic.pages.html import embedded, figure, page, tag
from lightning_dlic.pages.layers import Part, base_picture, byte_parts, region_map
from lightning_dlic.pipeline.decompress import decode_layers, decompress
from lightning_dlic.pipeline.measures import psnr, ssim
from lightning_dlic.pipeline.plan import Pipeline, pipeline_title
from lightning_dlic.pipeline.resolve import NET_PIXELS, loop_networks

U8 = NDArray[np.uint8]
_SIDE = 2048


@dataclass(frozen=True)
class Panel:
    """One picture of the sheet.

    Attributes:
        title: What it is.
        words: More of it.
        picture: uint8 ``[H, W, 3]`` or ``[H, W]``.
        squares: Whether its pixels are shown as squares where it is enlarged.
    """

    title: str
    words: str
    picture: U8
    squares: bool = False


@dataclass(frozen=True)
class Sheet:
    """A file taken apart.

    Attributes:
        name: Of the file.
        bytes: Its size.
        panels: The picture, and what it was made of, from the original to the base layer.
        parts: Where the bytes went.
        facts: What else there is to say, by name.
    """

    name: str
    bytes: int
    panels: Sequence[Panel]
    parts: Sequence[Part]
    facts: dict[str, str]


def take_apart(name: str, data: bytes, original: U8 | None = None, pipeline: Pipeline | None = None) -> Sheet:
    """Takes a bitstream apart.

    Args:
        name: What the sheet calls it.
        data: Bytes of unknown origin.
        original: The picture that it was made of, to stand beside it.
        pipeline: The pipeline that made it, where it does not ship.

    Raises:
        BitstreamError: The bytes are malformed or damaged.
        DlicError: The original has another size.
    """
    stream = Bitstream.from_bytes(data)
    # So large that no network runs: then the sheet's own size will do, which takes no memory to speak of.
    large = original is None and stream.width * stream.height > NET_PIXELS
    picture = decompress(data, pipeline=pipeline, max_side=_SIDE if large else None)
    layers = decode_layers(stream, loop_networks(stream, pipeline))
    height, width = stream.height, stream.width
    networks = ", ".join(network.name for network in named_networks(stream) or ())
    through = networks or (
        f"pipeline {pipeline_title(stream.pipeline)}" if stream.pipeline is not None else "interpolation"
    )
    panels = [Panel("Decoded", f"{width} × {height} pixels, through {through}", picture)]
    facts = {"size": f"{len(data):,} bytes", "bits per pixel": f"{8 * len(data) / (width * height):.3g}"}
    if original is not None:
        panels.insert(0, Panel("Original", f"{original.shape[1]} × {original.shape[0]} pixels", original))
        facts |= _measured(picture, original)
    base = base_picture(layers)
    size = f"{base.shape[1]} × {base.shape[0]} pixels, by {stream.codec}"
    scaled = f"; 1/{stream.factor:g} of the size" if stream.scale > 1 else ""
    panels.append(Panel("Base layer", size + scaled, base, True))
    regions = region_map(layers)
    if regions is not None:
        panels.append(Panel("Regions", "of the hints, in the colours that were sent", regions))
    return Sheet(name, len(data), panels, byte_parts(stream), facts)


def _measured(picture: U8, original: U8) -> dict[str, str]:
    if picture.shape[:2] != original.shape[:2]:
        sizes = [f"{each.shape[1]}x{each.shape[0]}" for each in (original, picture)]
        raise DlicError(f"the original is {sizes[0]} and the bitstream {sizes[1]}: not made of it")
    shades = [each if each.ndim == 2 else luma(each) for each in (picture, original)]
    same = picture.ndim == original.ndim
    pair = (picture, original) if same else shades
    found = {"PSNR": f"{min(MOST_DB, psnr(*map(np.ascontiguousarray, pair))):.2f} dB{'' if same else ' of luma'}"}
    return found | {"SSIM of luma": f"{ssim(shades[0], shades[1]):.4f}"}


def sheet_page(sheet: Sheet) -> bytes:
    """The sheet as a page of HTML in one file."""
    shown = [
        figure(embedded(_within(panel.picture)), panel.title, panel.words, squares=panel.squares)
        for panel in sheet.panels
    ]
    pieces = [tag("i", class_=f"part-{part.name}", style=f"flex: {part.bytes} 1 0") for part in sheet.parts]
    words = [f"{part.title}: {part.bytes:,} bytes" for part in sheet.parts]
    legend = [
        tag(
            "li",
            tag("i", class_=f"part-{part.name}"),
            tag("b", f"{part.title} "),
            f"{part.bytes:,} bytes, {100 * part.bytes / sheet.bytes:.1f} %",
            tag("small", part.words),
        )
        for part in sheet.parts
    ]
    return page(
        sheet.name,
        tag("p", "; ".join(f"{key} {value}" for key, value in sheet.facts.items()), class_="hint"),
        tag("section", tag("h2", "Pictures"), tag("div", *shown, class_="panels")),
        tag(
            "section",
            tag("h2", "Where the bytes went"),
            tag("div", *pieces, class_="bytes", role="img", aria_label=", ".join(words)),
            tag("ul", *legend, class_="legend"),
        ),
    )


def _within(picture: U8, side: int = _SIDE) -> Image.Image:
    image = Image.fromarray(picture)
    if max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return image
