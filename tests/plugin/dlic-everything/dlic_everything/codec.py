"""A base codec and hints."""

import zlib

import numpy as np

from lightning_dlic.codec import BaseCodec, BitstreamError, Planes
from lightning_dlic.codec.hints.base import Hints


class AllCodec(BaseCodec):
    """Deflated samples of fewer levels."""

    exact = True
    steps = 7
    start = (3.0, 2.0)

    def encode(self, planes, quality, effort=5):
        return bytes([6 - quality]) + zlib.compress(b"".join((p >> (6 - quality)).tobytes() for p in planes.each()), 9)

    def decode(self, payload, height, width, color):
        half = (height + 1) // 2, (width + 1) // 2
        sizes = [(height, width), *([half, half] if color else [])]
        try:
            raw = np.frombuffer(zlib.decompress(payload[1:]), np.uint8) << payload[0]
            ends = np.cumsum([rows * columns for rows, columns in sizes])
            return Planes(*(p.reshape(s) for p, s in zip(np.split(raw, ends[:-1]), sizes, strict=True)))
        except (zlib.error, ValueError, IndexError) as error:
            raise BitstreamError(f"all_codec: {error}") from error


class AllHints(Hints):
    """Upright bands."""

    name = "all_hints"

    def labels(self, luma, count):
        bands = np.arange(luma.shape[1]) * min(count, luma.shape[1]) // luma.shape[1]
        return np.tile(bands.astype(np.int32), (luma.shape[0], 1))
