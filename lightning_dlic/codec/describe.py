"""What a ``.dlic`` file says of itself, without decoding it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning_dlic.codec.container import HINTS_CHUNK, VERSION, Bitstream
from lightning_dlic.codec.networks import named_networks, stream_alpha


def describe(path: str | Path) -> dict[str, Any]:
    """Reads the header of a file.

    Args:
        path: A ``.dlic`` file.

    Returns:
        Plain types: size of the picture and of its base layer, base codec, pipeline, chunks, and how many bytes each
        part takes; they sum up to ``bytes``, the size of the file.

    Raises:
        BitstreamError: The file is no bitstream.
    """
    data = Path(path).read_bytes()
    stream = Bitstream.from_bytes(data, max_pixels=1 << 62)
    height, width = stream.base_size
    return {
        "format": VERSION,
        "width": stream.width,
        "height": stream.height,
        "color": stream.color,
        "scale": stream.factor,
        "base": {"codec": stream.codec, "width": width, "height": height, "crc32": stream.crc},
        "pipeline": stream.pipeline,
        "networks": [
            {"kind": n.kind, "role": n.role, "name": n.name, "sha256": n.digest.hex()}
            for n in named_networks(stream) or ()
        ],
        "alpha": stream_alpha(stream),
        "hints": _hints(stream),
        "chunks": [{"tag": c.tag, "bytes": len(c.body), "required": c.required} for c in stream.chunks],
        "bytes": len(data),
        "parts": {"header": len(stream.head()), "payload": len(stream.payload), "checksum": len(stream.tail())},
        "bits_per_pixel": 8 * len(data) / (stream.width * stream.height),
    }


def _hints(stream: Bitstream) -> dict[str, Any] | None:
    body = stream.chunk(HINTS_CHUNK)
    if body is None:
        return None
    # Imports Numba, which other files do without.
    from lightning_dlic.codec.hints.chunk import describe_hints

    return describe_hints(body)
