"""A base codec from another distribution, found by its entry point."""

from pathlib import Path

import numpy as np
from PIL import Image
from plugin_maker import run_dlic, write_plugin

SOURCE = '''
"""A base codec that stores every fourth sample."""
import zlib
import numpy as np
from lightning_dlic.codec import BaseCodec, BitstreamError, Planes


class Coarse(BaseCodec):
    """Deflated samples of few levels."""

    exact = True
    steps = 7
    auto_effort = 1
    start = (3.0, 2.0)

    def encode(self, planes, quality, effort=5):
        shift = 7 - quality
        return bytes([shift]) + zlib.compress(b"".join((p >> shift).tobytes() for p in planes.each()), 9)

    def decode(self, payload, height, width, color):
        try:
            raw = np.frombuffer(zlib.decompress(payload[1:]), np.uint8) << payload[0]
            y, rest = raw[: height * width], raw[height * width :]
            half = -(-height // 2), -(-width // 2)
            chroma = [part.reshape(half) for part in np.split(rest, 2)] if color else []
            return Planes(y.reshape(height, width), *chroma)
        except (zlib.error, ValueError, IndexError) as error:
            raise BitstreamError(f"coarse payload: {error}") from error
'''


def test_compresses_by_name_and_says_what_is_missing_elsewhere(tmp_path: Path) -> None:
    plugin = write_plugin(
        tmp_path / "plugin",
        "acme-coarse",
        "[lightning_dlic.codec]\ncoarse = acme_coarse:Coarse\n",
        {"acme_coarse": SOURCE},
    )
    picture, stream, back = (tmp_path / name for name in ("a.png", "a.dlic", "b.png"))
    Image.fromarray(np.add.outer(np.arange(60), np.arange(80)).astype(np.uint8)).save(picture)
    arguments = ("--codec", "coarse", "--bytes", "2500", "--scale", "1", "--pipeline", "bicubic")
    made = run_dlic("compress", str(picture), str(stream), *arguments, folders=(plugin,))
    assert made.returncode == 0, made.stderr
    assert b"coarse" in stream.read_bytes()[:20]
    assert stream.stat().st_size <= 2500
    assert run_dlic("decompress", str(stream), str(back), folders=(plugin,)).returncode == 0
    with Image.open(back) as decoded, Image.open(picture) as original:
        assert np.abs(np.asarray(decoded).astype(int) - np.asarray(original)).mean() < 8
    elsewhere = run_dlic("decompress", str(stream), str(back))
    assert elsewhere.returncode == 2
    assert "'coarse' is not installed here" in elsewhere.stderr
