"""Files made when the format was fixed decode as they did then."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from lightning_dlic.codec import Bitstream, decode_base
from lightning_dlic.pipeline.decompress import decompress

FOLDER = Path(__file__).parent / "golden"
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
