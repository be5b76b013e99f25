"""Makes the golden files: ``python tests/codec/make_golden.py``. They are made once for a version of the format."""

import hashlib
import json
from pathlib import Path

import numpy as np

from lightning_dlic.codec import Bitstream, Chunk, base_codec
from lightning_dlic.codec.container import HINTS_CHUNK
from lightning_dlic.codec.hints.aim import Aim
from lightning_dlic.codec.hints.chunk import find_hints, prefix
from lightning_dlic.codec.hints.encoder import search
from lightning_dlic.codec.intra.codec import IntraCodec
from lightning_dlic.codec.planes import Planes
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.source import Source

FOLDER = Path(__file__).parent / "golden"
CASES = [("hevc", 1, 20), ("hevc", 2, 30), ("avif", 1, 20), ("avif", 3, 40), ("webp", 1, 30), ("vvc", 2, 25)]
CASES += [("intra", 1, 16), ("intra", 2, 40)]
HINTED = [("grid", 1, 60, False), ("segmentation", 1, 150, False), ("segmentation", 2, 40, False)]
HINTED += [("grid", 1, 90, True), ("segmentation", 2, 60, True)]


def picture(height: int, width: int) -> np.ndarray:
    """Waves, an edge and a gradient in colour."""
    y, x = np.mgrid[:height, :width].astype(float)
    planes = [128 + 90 * np.sin(x / 7 + y / 11), 2 * x + 60 * (y > height / 2), 255 * y / height]
    return np.stack(planes, -1).clip(0, 255).astype(np.uint8)


def plain(name: str, scale: int, quality: int, color: bool) -> tuple[str, bytes]:
    """A file without hints, and its name."""
    whole = picture(90, 122)
    source = Source(whole if color else np.ascontiguousarray(whole[..., 0]))
    # What ships as predictors may grow; golden files must not depend on it.
    planes, codec = source.small(scale), IntraCodec([]) if name == "intra" else base_codec(name)
    payload = codec.encode(planes, quality)
    crc = codec.decode(payload, *planes.size, color).crc32()
    file = f"{name}_x{scale}_{'color' if color else 'gray'}.dlic"
    return file, Bitstream(122, 90, scale, name, color, payload, crc).to_bytes()


def with_networks() -> tuple[str, bytes]:
    """A file of the base codec `intra` in which all the networks that ship predict, of a photograph."""
    from skimage import data

    planes, codec = Planes(Source(np.ascontiguousarray(data.coffee()[100:280, 150:394])).small(2).y), IntraCodec()
    payload = codec.encode(planes, 30, 8)
    crc = codec.decode(payload, *planes.size, False).crc32()
    return "intra_networks_x2_gray.dlic", Bitstream(244, 180, 2, "intra", False, payload, crc).to_bytes()


def hinted(kind: str, scale: int, budget: int, net: bool) -> tuple[str, bytes]:
    """A file with hints, perhaps for a network, and its name."""
    source, codec, hints = Source(picture(90, 122)), base_codec("hevc"), find_hints(kind)
    payload = codec.encode(Planes(source.small(scale).y), 25)
    base = codec.decode(payload, *source.small(scale).size, False)
    aim = Aim.of(base.y, np.stack(source.planes[1:]).astype(np.float32) - 128, scale)
    found = search(hints, aim, budget, net=net)
    assert found is not None
    chunk = Chunk(HINTS_CHUNK, prefix(hints) + found.body)
    data = Bitstream(122, 90, scale, "hevc", False, payload, base.crc32(), chunks=(chunk,)).to_bytes()
    return f"hints_{kind}{'_net' * net}_x{scale}.dlic", data


def main() -> None:
    """Writes each file and what it decodes to; files that are there already stay as they are."""
    FOLDER.mkdir(exist_ok=True)
    made = [plain(*case, color) for case in CASES for color in (False, True)] + [hinted(*case) for case in HINTED]
    made.append(with_networks())
    hashes = {}
    for name, data in made:
        file = FOLDER / name
        if not file.exists():
            file.write_bytes(data)
        decoded = decompress(file.read_bytes())
        hashes[name] = {
            "base_crc32": f"{Bitstream.from_bytes(file.read_bytes()).crc:08x}",
            "shape": list(decoded.shape),
            "sha256": hashlib.sha256(decoded.tobytes()).hexdigest(),
        }
    (FOLDER / "golden.json").write_text(json.dumps(hashes, indent=1) + "\n")


if __name__ == "__main__":
    main()
