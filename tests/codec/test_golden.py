"""Files made when the format was fixed decode as they did then."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from lightning_dlic.codec import Bitstream, decode_base
from lightning_dlic.codec.container import HINTS_CHUNK
from lightning_dlic.codec.hints.chunk import decode_hints
from lightning_dlic.pipeline.decompress import decompress

FOLDER = Path(__file__).parent / "golden"
# SHA-256 of labels and colours, which are exact; the pictures' chroma is computed in floats.
HINTS = {
    "hints_grid_x1.dlic": ["b7be41079fdcfcac", "66b9e1ff9e8d7a38"],
    "hints_segmentation_x1.dlic": ["628e1edffaf7fcc7", "28aaf66feff85888"],
    "hints_segmentation_x2.dlic": ["639d5ae374e33f19", "2383f40a90109bcc"],
}
GOLDEN = json.loads((FOLDER / "golden.json").read_text())


def test_every_file_is_recorded() -> None:
    assert {path.name for path in FOLDER.glob("*.dlic")} == set(GOLDEN)


@pytest.mark.parametrize("name", GOLDEN)
def test_decodes_as_ever(name: str) -> None:
    data, wanted = (FOLDER / name).read_bytes(), GOLDEN[name]
    assert f"{decode_base(Bitstream.from_bytes(data)).crc32():08x}" == wanted["base_crc32"]
    picture = decompress(data)
    assert list(picture.shape) == wanted["shape"]
    assert picture.dtype == np.uint8
    assert hashlib.sha256(picture.tobytes()).hexdigest() == wanted["sha256"]


@pytest.mark.parametrize("name", [name for name in GOLDEN if name.startswith("hints")])
def test_labels_and_colours_of_hints_are_as_ever(name: str) -> None:
    stream = Bitstream.from_bytes((FOLDER / name).read_bytes())
    made = decode_hints(stream.chunk(HINTS_CHUNK) or b"", decode_base(stream).y)
    found = [hashlib.sha256(part.tobytes()).hexdigest()[:16] for part in (made.labels, made.colours)]
    assert found == HINTS[name]
