"""Damaged bitstreams: seeds of every base codec and kind of hints, and what is done to them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

MAX_PIXELS = 4_000_000
SEEDS = "DLIC_FUZZ_SEEDS"
"""Names a folder in which the campaigns of one run keep what they begin with, which takes half a minute to make."""


def kept(make: Callable[..., list[bytes]]) -> Callable[..., list[bytes]]:
    """A function whose streams the next campaign finds in the run's folder."""

    def found(*words: str | None) -> list[bytes]:
        if SEEDS not in os.environ:
            return make(*words)
        place = Path(os.environ[SEEDS], "-".join([make.__name__, *(word or "all" for word in words)]))
        if not place.exists():
            streams = make(*words)
            part = place.with_name(f"{place.name}.{os.getpid()}")
            part.write_text("\n".join(stream.hex() for stream in streams))
            part.replace(place)
        return [bytes.fromhex(line) for line in place.read_text().splitlines()]

    return found


@kept
def seeds(only: str | None = None) -> list[bytes]:
    """Streams of one codec, or all that can encode here: grey and colour, of three sizes, with and without chunks."""
    from dlic_registry import entries
    from lightning_dlic.codec import Bitstream, Chunk, base_codec
    from lightning_dlic.codec.container import ALPHA_CHUNK, HINTS_CHUNK, PIPELINE_CHUNK
    from lightning_dlic.pipeline.source import Source

    random = np.random.default_rng(7)
    found = []
    for entry in entries("codec"):
        codec = base_codec(entry.name)
        if codec.missing() or only not in (None, entry.name):
            continue
        for height, width in ((16, 16), (40, 56), (97, 131)):
            ramp = np.add.outer(np.arange(height) * 2, np.arange(width) * 3)[..., None] + [0, 40, 90]
            noisy = (ramp + random.integers(0, 40, ramp.shape)).clip(0, 255).astype(np.uint8)
            for picture in (noisy, noisy[..., 0]):
                planes = Source(picture).small(1)
                for share in (0.1, 0.5):
                    payload = codec.encode(planes, round(share * (codec.steps - 1)), 3)
                    crc = codec.decode(payload, height, width, planes.color).crc32() if codec.exact else None
                    stream = Bitstream(width, height, 1, entry.name, planes.color, payload, crc)
                    found.append(stream.to_bytes())
                    record = bytes([1, 3]) + b"abc" + bytes(8)
                    others = Chunk(ALPHA_CHUNK, b"\x80"), Chunk(99, b"x")
                    chunks = (Chunk(PIPELINE_CHUNK, record), Chunk(HINTS_CHUNK, bytes(9)), *others)
                    found.append(replace(stream, pipeline=1).to_bytes())
                    found.append(replace(stream, chunks=chunks).to_bytes())
    return found


@cache
@kept
def large_seeds() -> list[bytes]:
    """Streams of some hundred thousand samples, of every codec that can encode here, grey and in colour."""
    from dlic_registry import entries
    from lightning_dlic.codec import Bitstream, base_codec
    from lightning_dlic.pipeline.source import Source

    random, found = np.random.default_rng(11), []
    for entry in entries("codec"):
        codec = base_codec(entry.name)
        if codec.missing():
            continue
        for height, width in ((360, 500), (96, 2000)):
            planes = Source(_scene(height, width, random)).small(1)
            payload = codec.encode(planes, round(0.3 * (codec.steps - 1)), 1)
            crc = codec.decode(payload, height, width, planes.color).crc32() if codec.exact else None
            found.append(Bitstream(width, height, 1, entry.name, planes.color, payload, crc).to_bytes())
    return found


def _scene(height: int, width: int, random: np.random.Generator) -> Any:
    """Slopes, waves and edges, grey or in colour."""
    rows, columns = np.mgrid[:height, :width]
    waves = sum(
        random.uniform(10, 40) * np.sin(rows * random.uniform(0, 0.3) + columns * random.uniform(0, 0.3) + k)
        for k in range(4)
    )
    edges = 60.0 * (rows * random.uniform(-1, 1) + columns * random.uniform(-1, 1) > random.uniform(0, 200))
    grey = 90 + waves + edges
    picture = np.stack([grey, grey[::-1], grey[:, ::-1]], axis=2) if random.integers(0, 2) else grey
    return picture.clip(0, 255).astype(np.uint8)


@kept
def enlarged_seed() -> list[bytes]:
    """A stream that a network enlarges."""
    from lightning_dlic.pipeline.compress import compress

    random = np.random.default_rng(4)
    return [compress(random.integers(0, 256, (32, 32), np.uint8), quality=20, scale=2, pipeline="photo").data]


@kept
def hinted_seeds() -> list[bytes]:
    """Grey streams of three sizes with hints of every kind, of few and many bytes, with and without branches."""
    from lightning_dlic.codec import Bitstream, Chunk, base_codec
    from lightning_dlic.codec.container import HINTS_CHUNK
    from lightning_dlic.codec.hints.aim import Aim
    from lightning_dlic.codec.hints.chunk import find_hints, prefix
    from lightning_dlic.codec.hints.encoder import search
    from lightning_dlic.codec.planes import Planes

    random, found, codec = np.random.default_rng(9), [], base_codec("hevc")
    for height, width in ((16, 16), (40, 56), (97, 131)):
        luma = (
            np.add.outer(np.arange(height) * 2, np.arange(width) * 3) + random.integers(0, 40, (height, width))
        ) % 256
        payload = codec.encode(Planes(luma.astype(np.uint8)), 20, 1)
        base = codec.decode(payload, height, width, False)
        stream = Bitstream(width, height, 1, "hevc", False, payload, base.crc32())
        chroma = random.normal(0, 20, (2, height, width)).astype(np.float32)
        bodies = [prefix(find_hints("none"))]
        for kind in ("grid", "segmentation"):
            hints = find_hints(kind)
            for budget, net in itertools.product((12, 60, 300), (False, True)):
                made = search(hints, Aim.of(base.y, chroma), budget, 1, net=net)
                if made is not None:
                    bodies.append(prefix(hints) + made.body)
                    bodies.append(
                        prefix(hints) + bytes([made.body[0] | 192, *made.body[1:3], 5]) + random.bytes(budget)
                    )
        found += [replace(stream, chunks=(Chunk(HINTS_CHUNK, body),)).to_bytes() for body in bodies]
    return found


def mutate_hints(data: bytes, random: np.random.Generator) -> bytes:
    """The stream with its hints chunk damaged, and nothing else."""
    from lightning_dlic.codec import Bitstream, Chunk

    stream = Bitstream.from_bytes(data)
    return replace(stream, chunks=tuple(Chunk(c.tag, mutate(c.body, random)) for c in stream.chunks)).to_bytes()


def mutate(data: bytes, random: np.random.Generator) -> bytes:
    """One to four changes: bits, bytes, runs, lengths; or a header that claims another size, codec or scale."""
    out = bytearray(data)
    for _ in range(random.integers(1, 5)):
        kind, at = random.integers(0, 8), int(random.integers(0, max(1, len(out))))
        if not out:
            break
        if kind == 0:
            out[at] ^= 1 << random.integers(0, 8)
        elif kind == 1:
            out[at] = random.integers(0, 256)
        elif kind == 2:
            del out[at:]
        elif kind == 3:
            del out[at : at + int(random.integers(1, 9))]
        elif kind == 4:
            out[at:at] = random.bytes(int(random.integers(1, 9)))
        elif kind == 5:
            out[at : at + 8] = bytes([random.choice([0, 1, 127, 128, 255])]) * 8
        elif kind == 6:
            out[at:] = out[: len(out) - at]
        else:
            _claim(out, random)
    return bytes(out)


def _claim(out: bytearray, random: np.random.Generator) -> None:
    """Another size of up to 4 megapixels in place of a one-byte one, or another codec and scale."""
    if len(out) < 6:
        return
    if random.integers(0, 2):
        out[3] = random.integers(0, 256)
        return
    from lightning_dlic.codec.bits import leb128

    width = int(2 ** random.uniform(0, 13))
    height = max(1, min(1 << 20, int(MAX_PIXELS / width * random.uniform(0, 1.01))))
    start = 5 + (out[4] > 127)
    out[4 : start + 1 + (len(out) > start and out[start] > 127)] = leb128(width) + leb128(height)


def mended(data: bytes, random: np.random.Generator) -> bytes:
    """Another stream that the container's parser and the checksum accept: fields changed, lengths and CRC right.

    So damage reaches what lies behind them: base codecs with other sizes, hints under other base layers, networks.
    """
    from lightning_dlic.codec import Bitstream

    stream = Bitstream.from_bytes(data)
    for _ in range(random.integers(1, 4)):
        stream = replace(stream, **_changed(stream, random))
    try:
        made = replace(stream, crc=_crc(stream))
        return made.to_bytes()
    except (ValueError, OverflowError):
        return data


def _changed(stream: Any, random: np.random.Generator) -> dict[str, Any]:
    """One field of a stream changed."""
    kind, chunks = random.integers(0, 9), list(stream.chunks)
    if kind == 0:
        side = int(2 ** random.uniform(0, 12))
        return {"width": side, "height": max(1, min(1 << 14, int(random.uniform(0, 1) * MAX_PIXELS / side / 4)))}
    if kind == 1:
        return {"scale": int(random.integers(1, 17))}
    if kind == 2:
        return {"pipeline": random.choice([None, 0, 1, 2, 3, 9, 255])}
    if kind == 3:
        return {"codec": str(random.choice(["hevc", "avif", "webp", "vvc", "intra", "jpeg", "jxl", "nosuch"]))}
    if kind == 4:
        return {"payload": mutate(stream.payload, random) if stream.payload else random.bytes(9)}
    if kind == 5:
        chunks.insert(int(random.integers(0, len(chunks) + 1)), _names(random))
        return {"chunks": tuple(chunks)}
    if kind == 6 and chunks:
        at = int(random.integers(0, len(chunks)))
        body = mutate(chunks[at].body, random) if chunks[at].body else random.bytes(5)
        chunks[at] = replace(chunks[at], body=body, required=bool(random.integers(0, 2)))
        return {"chunks": tuple(chunks)}
    if kind == 8:
        return _enlarged(stream, random)
    return {"color": bool(random.integers(0, 2)), "chunks": tuple(chunks * int(random.integers(0, 3)))}


def _enlarged(stream: Any, random: np.random.Generator) -> dict[str, Any]:
    """A larger picture on the same base layer."""
    (height, width), scale = stream.base_size, int(random.choice([1, 2, 2, 3, 4, 4, 7, 16]))
    while height * width * scale * scale > MAX_PIXELS and scale > 1:
        scale -= 1
    cut = random.integers(0, scale, 2)
    return {"scale": scale, "height": height * scale - int(cut[0]), "width": width * scale - int(cut[1])}


def _names(random: np.random.Generator) -> Any:
    """Networks named as either chunk names them: of the zoo, with their digests or others, and of nobody."""
    from lightning_dlic.codec.container import PIPELINE_CHUNK, Chunk
    from lightning_dlic.codec.networks import networks_chunk
    from lightning_dlic.pipeline.plan import find_pipeline

    color = find_pipeline("past/color_2")
    places = [place.named() for scale in (2, 4) for place in color.places(scale, hints=True)]
    found = [places[at] for at in random.permutation(len(places))[: random.integers(1, 4)]]
    chunk = networks_chunk(found)
    if random.integers(0, 2):
        old = ((0 if n.kind == "colorization" else n.role, n.name.encode(), n.digest) for n in found)
        chunk = Chunk(PIPELINE_CHUNK, b"".join(bytes([role, len(name)]) + name + digest for role, name, digest in old))
    return chunk if random.integers(0, 2) else replace(chunk, body=mutate(chunk.body, random))


def _crc(stream: Any) -> int | None:
    """The checksum of what the payload decodes to; any number where it does not."""
    from dlic_registry import DlicError
    from lightning_dlic.codec import BitstreamError, base_codec

    try:
        codec = base_codec(stream.codec)
        if not codec.exact:
            return None
        height, width = stream.base_size
        if max(height, width) > codec.max_side or height * width > MAX_PIXELS:
            return 1
        return codec.decode(stream.payload, height, width, stream.color).crc32()
    except (BitstreamError, DlicError):
        return 1
