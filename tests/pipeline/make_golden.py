"""Makes the golden files of pipelines: ``python tests/pipeline/make_golden.py``. They are made once for each number.

A file lies beside the picture that it decoded to, for networks compute in floats: a picture is compared, not a digest.
What numbers name stands in ``numbers.json``. A number that no release has had yet may change what it names:
``--renew 5 6`` makes its files and its entry anew.
"""

import argparse
import json
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numbers_table import meanings
from PIL import Image

from lightning_dlic.codec import Bitstream, Chunk, Planes, base_codec
from lightning_dlic.codec.container import HINTS_CHUNK, PIPELINE_CHUNK, between_chunks
from lightning_dlic.codec.hints.aim import Aim
from lightning_dlic.codec.hints.chunk import find_hints, prefix
from lightning_dlic.codec.hints.encoder import search
from lightning_dlic.codec.networks import alpha_chunks, networks_chunk
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.plan import Pipeline, find_pipeline
from lightning_dlic.pipeline.source import Source

FOLDER = Path(__file__).parent / "golden"
SIZE = 90, 122
HINT_BYTES = 60


def photograph(color: bool) -> np.ndarray:
    """A piece of a photograph that ships with scikit-image."""
    from skimage import data

    whole = data.astronaut()[20 : 20 + SIZE[0], 150 : 150 + SIZE[1]]
    return np.ascontiguousarray(whole if color else whole[..., 1])


def plain(scale: float, color: bool, pipeline: int | None = None) -> Bitstream:
    """A base layer by hevc."""
    planes, codec = Source(photograph(color)).small(scale), base_codec("hevc")
    payload = codec.encode(planes, 26)
    crc = codec.decode(payload, *planes.size, color).crc32()
    return Bitstream(SIZE[1], SIZE[0], ceil(scale), "hevc", color, payload, crc, pipeline, between_chunks(scale))


def vivid(stream: Bitstream, alpha: float) -> Bitstream:
    """The stream with a chunk that says how much may be made up."""
    return replace(stream, chunks=(*alpha_chunks(alpha), *stream.chunks))


def hinted(scale: int, pipeline: int | None = None, net: bool = True) -> Bitstream:
    """A grey base layer with colours, for a network or for the guided filter."""
    source, codec, hints = Source(photograph(True)), base_codec("hevc"), find_hints("segmentation")
    small = Planes(source.small(scale).y)
    payload = codec.encode(small, 26)
    base = codec.decode(payload, *small.size, False)
    aim = Aim.of(base.y, np.stack(source.planes[1:]).astype(np.float32) - 128, scale)
    found = search(hints, aim, HINT_BYTES, net=net)
    assert found is not None
    chunk = Chunk(HINTS_CHUNK, prefix(hints) + found.body)
    return Bitstream(SIZE[1], SIZE[0], scale, "hevc", False, payload, base.crc32(), pipeline, (chunk,))


def named(stream: Bitstream, *records: bytes) -> Bitstream:
    """The stream with a chunk that names networks."""
    return replace(stream, chunks=(Chunk(PIPELINE_CHUNK, b"".join(records)), *stream.chunks))


def record(pipeline: Pipeline, kind: str, scale: int) -> bytes:
    """A record as the first version wrote it: a scale, or 0 for the network that colours."""
    network = next(place.named() for place in pipeline.places(scale or 1) if place.kind == kind)
    return bytes([network.role, len(network.name)]) + network.name.encode() + network.digest


def with_networks(stream: Bitstream, pipeline: Pipeline) -> Bitstream:
    """The stream with a chunk that names networks with their kinds."""
    chunk = networks_chunk([place.named() for place in pipeline.places(stream.scale)])
    return replace(stream, chunks=(chunk, *stream.chunks))


def streams() -> dict[str, Bitstream]:
    """Each numbered pipeline at each scale at which it has a network, and networks by name and digest."""
    color = find_pipeline("past/color_2")
    return {
        "photo_x2": plain(2, False, 1),
        "photo_x4": plain(4, True, 1),
        "color_x1": hinted(1, 2),
        "color_x2": hinted(2, 2),
        "color_x4": hinted(4, 2),
        "look_x2": plain(2, True, 3),
        "named_x2": named(plain(2, True), record(color, "sr", 2), record(color, "sr", 4)),
        "named_color_x2": named(hinted(2), record(color, "sr", 2), record(color, "colorization", 0)),
        "networks_x2": with_networks(plain(2, True), find_pipeline("past/photo_1")),
        "networks_color_x2": with_networks(hinted(2), color),
        **{f"photo_4_x{scale}": plain(scale, True, 4) for scale in (2, 3, 4)},
        "photo_4_gray_x2": plain(2, False, 4),
        "photo_4_spread_x2": hinted(2, 4, net=False),
        "photo_4_hints_x2": hinted(2, 4),
        "photo_4_x1.5": plain(1.5, True, 4),
        **{f"look_5_x{scale}": vivid(plain(scale, True, 5), alpha) for scale, alpha in ((2, 1.0), (3, 0.5), (4, 1.0))},
        **{f"face_6_x{scale}": vivid(plain(scale, True, 6), 1.0) for scale in (2, 3, 4)},
        **{f"tiny_7_x{scale}": plain(scale, True, 7) for scale in (2, 3, 4)},
    }


def main() -> None:
    """Writes each file, what it decodes to and its base layer's CRC; what is there already stays as it is."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--renew", type=int, nargs="*", default=[], help="numbers that no release has had yet")
    renew = parser.parse_args().renew
    FOLDER.mkdir(exist_ok=True)
    facts = {}
    for name, stream in streams().items():
        file, picture = FOLDER / f"{name}.dlic", FOLDER / f"{name}.png"
        anew = stream.pipeline in renew
        if anew or not file.exists():
            file.write_bytes(stream.to_bytes())
        if anew or not picture.exists():
            Image.fromarray(decompress(file.read_bytes(), strict=True)).save(picture, optimize=True)
        facts[name] = f"{Bitstream.from_bytes(file.read_bytes()).crc:08x}"
    _write("base_crc32.json", facts)
    table = FOLDER / "numbers.json"
    known = json.loads(table.read_text()) if table.exists() else {}
    kept = {number: entry for number, entry in known.items() if int(number) not in renew}
    _write("numbers.json", meanings() | kept)


def _write(name: str, content: dict[str, Any]) -> None:
    (FOLDER / name).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
