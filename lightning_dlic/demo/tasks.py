"""The jobs of the page: reading what a visitor gives, coding it, comparing ways of colour."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlic_datamodules.errors import PictureError
from dlic_datamodules.picture_writer import encode_picture
from dlic_datamodules.pictures import Picture, picture_size
from dlic_registry import DlicError
from lightning_dlic.codec import Bitstream
from lightning_dlic.codec.container import MAGIC
from lightning_dlic.codec.networks import named_networks
from lightning_dlic.demo.figures import GLANCE_SIDE, figures, glance, lpips
from lightning_dlic.demo.limits import PIXELS, SHOWN_SIDE
from lightning_dlic.demo.rivals import RIVALS, best_file
from lightning_dlic.demo.shown import fit, show
from lightning_dlic.demo.work import Tell
from lightning_dlic.pages.layers import base_picture, byte_parts, hint_facts, region_map
from lightning_dlic.pipeline.compress import compress
from lightning_dlic.pipeline.decompress import decode_layers, decompress
from lightning_dlic.pipeline.measures import psnr_chroma
from lightning_dlic.pipeline.pictures import load_picture
from lightning_dlic.pipeline.plan import pipeline_title
from lightning_dlic.pipeline.resolve import loop_networks
from lightning_dlic.pipeline.source import Source

U8 = NDArray[np.uint8]
UPLOAD, PIXEL_FILE = "upload", "pixels.npy"
HINTS = ("grid", "segmentation", "none")
# Pixels from which the search tries less, so that nobody waits for half a minute.
_LARGE, _EFFORT, _EFFORT_LARGE = 1_500_000, 5, 3


def warm() -> None:
    """Imports what takes seconds, and what `decompress` and hints import when first needed."""
    from importlib import import_module

    for name in ("torch", "lightning_dlic.operators.base", "lightning_dlic.codec.hints.chunk"):
        try:
            import_module(name)
        except ImportError:
            # Without it there is less to see, which each job says for itself.
            continue


def read(tell: Tell, *, folder: str) -> None:
    """Reads what was uploaded: a photograph, or a bitstream.

    Raises:
        DlicError: It is neither, too large or damaged; the message is for the visitor.
    """
    tell("step", 0.1, 0.6, "Reading the file")
    room = Path(folder)
    data = (room / UPLOAD).read_bytes()
    if data.startswith(MAGIC):
        _open_bitstream(tell, data, room)
        return
    picture = _photograph(data, room / UPLOAD, tell)
    tell("step", 0.6, 1.0, "Making it ready to look at")
    np.save(room / PIXEL_FILE, picture, allow_pickle=False)
    tell("part", "original", {"bytes": len(data), **show(picture, room / "original.png"), **_sizes(picture)})


def _photograph(data: bytes, path: Path, tell: Tell) -> U8:
    try:
        width, height = picture_size(data)
        if width * height > PIXELS:
            raise PictureError(f"has {width} × {height} pixels, and this page takes up to {PIXELS // 10**6} megapixels")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            picture = load_picture(path)
    except PictureError as error:
        raise DlicError(f"This file cannot be shown: {error.reason}.") from error
    notes = dict.fromkeys(str(entry.message).removeprefix(f"{path}: ") for entry in caught)
    if notes:
        tell("part", "notes", {"read": list(notes)})
    return picture


def _sizes(picture: U8) -> dict[str, Any]:
    shown = fit(picture)
    return {"shown_width": shown.width, "shown_height": shown.height, "color": picture.ndim == 3}


def _open_bitstream(tell: Tell, data: bytes, room: Path) -> None:
    tell("step", 0.3, 1.0, "Decoding")
    Bitstream.from_bytes(data, max_pixels=PIXELS)
    (room / "opened.dlic").write_bytes(data)
    _decoded(tell, data, room, "opened", {})


def code(tell: Tell, *, folder: str, name: str, bytes: int, pipeline: str) -> None:
    """Codes a picture in so many bytes, by us and by the rivals.

    Raises:
        DlicError: It cannot be coded.
    """
    room = Path(folder)
    picture: U8 = np.load(room / PIXEL_FILE, allow_pickle=False)
    tell("step", 0.02, 0.4, f"Looking for the best {bytes:,} bytes")
    pictures: dict[str, U8] = {}
    try:
        start = time.perf_counter()
        made = compress(picture, bytes=bytes, pipeline=pipeline, effort=_effort(picture))
        seconds = time.perf_counter() - start
    except DlicError as error:
        tell("part", "ours", {"missing": str(error)})
    else:
        (room / f"{name}.dlic").write_bytes(made.data)
        tell("step", 0.4, 0.5, "Decoding it again")
        facts = {"encode_seconds": seconds, "metric": made.metric}
        pictures["ours"] = _decoded(tell, made.data, room, name, facts, picture)
    for number, (rival, title) in enumerate(RIVALS.items()):
        tell("step", 0.55 + 0.12 * number, 0.67 + 0.12 * number, f"{title} in the same bytes")
        pictures |= _rival(tell, picture, rival, room, name, bytes)
    _look(tell, pictures, picture)


def _effort(picture: U8) -> int:
    return _EFFORT if picture.shape[0] * picture.shape[1] <= _LARGE else _EFFORT_LARGE


def _decoded(tell: Tell, data: bytes, room: Path, name: str, facts: dict[str, Any], target: U8 | None = None) -> U8:
    """Decodes a bitstream, and tells all there is to know of it; the picture first."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        start = time.perf_counter()
        picture = decompress(data, max_pixels=PIXELS)
        facts |= {"decode_seconds": time.perf_counter() - start}
    stream = Bitstream.from_bytes(data, max_pixels=PIXELS)
    facts |= {
        "bytes": len(data),
        **_stream_facts(stream),
        **show(picture, room / f"{name}-ours.png"),
        **_sizes(picture),
    }
    facts |= {"notes": list(dict.fromkeys(str(entry.message) for entry in caught)), "dlic": f"{name}.dlic"}
    if target is not None:
        facts |= figures(picture, target)
    tell("part", "ours", facts)
    _whole(tell, picture, room / f"{name}-whole.png")
    layers = decode_layers(stream, loop_networks(stream))
    shown = {"base": show(base_picture(layers), room / f"{name}-base.png", smooth=False)}
    regions = region_map(layers)
    if regions is not None:
        shown["regions"] = show(regions, room / f"{name}-regions.png")
    tell("part", "ours", {"layers": shown})
    return picture


def _whole(tell: Tell, picture: U8, path: Path) -> None:
    """The PNG to keep, where what is shown is smaller than the picture."""
    if max(picture.shape[:2]) > SHOWN_SIDE:
        tell("step", 0.5, 0.55, "Writing the whole picture")
        path.write_bytes(encode_picture(Picture(picture[..., None] if picture.ndim == 2 else picture), ".png"))
        tell("part", "ours", {"png": path.name})
    else:
        tell("part", "ours", {"png": path.name.replace("-whole", "-ours")})


def _stream_facts(stream: Bitstream) -> dict[str, Any]:
    parts = [
        {"name": part.name, "title": part.title, "words": part.words, "bytes": part.bytes}
        for part in byte_parts(stream)
    ]
    networks = [network.name for network in named_networks(stream) or ()]
    return {
        "parts": parts,
        "codec": stream.codec,
        "scale": stream.factor,
        "networks": networks,
        "through": pipeline_title(stream.pipeline) if stream.pipeline is not None else None,
        "hints": hint_facts(stream),
    }


def _rival(tell: Tell, picture: U8, rival: str, room: Path, name: str, limit: int) -> dict[str, U8]:
    found = best_file(rival, picture, limit)
    if found is None:
        tell(
            "part", rival, {"missing": f"No {RIVALS[rival]} of this picture fits into {limit:,} bytes, even downsized."}
        )
        return {}
    sample = found.sample
    tell(
        "part",
        rival,
        {
            "bytes": sample.size,
            "scale": sample.scale,
            "setting": sample.setting,
            "encode_seconds": found.encode_seconds,
            "decode_seconds": sample.decode_seconds,
            **show(sample.picture, room / f"{name}-{rival}.png"),
            **figures(sample.picture, picture),
        },
    )
    return {rival: sample.picture}


def _look(tell: Tell, pictures: dict[str, U8], target: U8) -> None:
    """LPIPS of each, at the end, for it takes seconds."""
    for number, (name, picture) in enumerate(pictures.items()):
        tell("step", 0.92 + 0.02 * number, 0.94 + 0.02 * number, "Measuring")
        value = lpips(picture, target)
        if value is None:
            return
        tell("part", name, {"lpips": value})


def hints(tell: Tell, *, folder: str, name: str, bytes: int, pipeline: str) -> None:
    """Codes a picture with each kind of hints, at the size of a glance.

    Raises:
        DlicError: The picture is grey.
    """
    room = Path(folder)
    picture = glance(np.load(room / PIXEL_FILE, allow_pickle=False))
    if picture.ndim == 2:
        raise DlicError("This picture is grey: there is no colour to give hints of.")
    tell(
        "part",
        "about",
        {"pipeline": pipeline, "width": picture.shape[1], "height": picture.shape[0], "side": GLANCE_SIDE},
    )
    for number, kind in enumerate(HINTS):
        tell("step", 0.05 + 0.3 * number, 0.35 + 0.3 * number, f"Colour by hints: {kind}")
        tell("part", kind, _hinted(picture, kind, room, name, bytes, pipeline))


def _hinted(picture: U8, kind: str, room: Path, name: str, limit: int, pipeline: str) -> dict[str, Any]:
    try:
        made = compress(picture, bytes=limit, pipeline=pipeline, hints=kind, effort=_EFFORT_LARGE)
    except DlicError as error:
        return {"missing": str(error)}
    output, stream = decompress(made.data), made.stream
    facts: dict[str, Any] = {"bytes": len(made.data), **_stream_facts(stream)}
    facts |= show(output, room / f"{name}-{kind}.png")
    facts |= {"psnr_chroma": psnr_chroma(Source(output).planes, Source(picture).planes)}
    regions = region_map(decode_layers(stream, loop_networks(stream)))
    if regions is not None:
        facts["regions"] = show(regions, room / f"{name}-{kind}-regions.png")
    return facts
