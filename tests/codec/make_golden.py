"""Makes the golden files: ``python tests/codec/make_golden.py``. They are made once for a version of the format."""

import hashlib
import json
from pathlib import Path

import numpy as np

from lightning_dlic.codec import Bitstream, base_codec
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.source import Source

FOLDER = Path(__file__).parent / "golden"
CASES = [("hevc", 1, 20), ("hevc", 2, 30), ("avif", 1, 20), ("avif", 3, 40), ("webp", 1, 30), ("vvc", 2, 25)]


def picture(height: int, width: int) -> np.ndarray:
    """Waves, an edge and a gradient in colour."""
    y, x = np.mgrid[:height, :width].astype(float)
    planes = [128 + 90 * np.sin(x / 7 + y / 11), 2 * x + 60 * (y > height / 2), 255 * y / height]
    return np.stack(planes, -1).clip(0, 255).astype(np.uint8)


def main() -> None:
    """Writes each file and the SHA-256 of what it decodes to."""
    FOLDER.mkdir(exist_ok=True)
    hashes = {}
    for name, scale, quality in CASES:
        for color in (False, True):
            whole = picture(90, 122)
            source = Source(whole if color else np.ascontiguousarray(whole[..., 0]))
            planes, codec = source.small(scale), base_codec(name)
            payload = codec.encode(planes, quality)
            crc = codec.decode(payload, *planes.size, color).crc32()
            data = Bitstream(122, 90, scale, name, color, payload, crc).to_bytes()
            file = FOLDER / f"{name}_x{scale}_{'color' if color else 'gray'}.dlic"
            file.write_bytes(data)
            decoded = decompress(data)
            hashes[file.name] = {
                "base_crc32": f"{crc:08x}",
                "shape": list(decoded.shape),
                "sha256": hashlib.sha256(decoded.tobytes()).hexdigest(),
            }
    (FOLDER / "golden.json").write_text(json.dumps(hashes, indent=1) + "\n")


if __name__ == "__main__":
    main()
