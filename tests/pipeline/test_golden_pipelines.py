"""What a pipeline's number names is frozen: files of each number decode as they did, weights and recipes stay."""

import json
from pathlib import Path

import numpy as np
import pytest
from numbers_table import meanings
from PIL import Image

from lightning_dlic.codec import Bitstream, decode_base
from lightning_dlic.imaging.numpy.color import split
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.plan import find_pipeline, numbers
from lightning_dlic.zoo import find_card, sha256

FOLDER = Path(__file__).parent / "golden"
GOLDEN = json.loads((FOLDER / "base_crc32.json").read_text())
NUMBERS = json.loads((FOLDER / "numbers.json").read_text())
# The networks inside the loop of `intra`, which payloads need not name.
IN_LOOP = {
    "pnns_4": "b2575ad4fbb5e00223a94157e7fbde4943330e4470a084ca463e63a83a957878",
    "pnns_8": "036635fabada11eabfd722eb8efb1561c9e794c450b77c9f6130f9055aa9b7d8",
    "pnns_16": "9da1a0e51eea26215b2e103a9f9c789157f0fa398fbdcf9618a62109d8f57f32",
}


def test_every_file_is_recorded() -> None:
    assert {path.stem for path in FOLDER.glob("*.dlic")} == set(GOLDEN)


@pytest.mark.parametrize("name", GOLDEN)
def test_decodes_as_ever(name: str) -> None:
    """The base layer to the bit; what networks make of it within one level of luma and of each plane of chroma."""
    data = (FOLDER / f"{name}.dlic").read_bytes()
    assert f"{decode_base(Bitstream.from_bytes(data)).crc32():08x}" == GOLDEN[name]
    picture = decompress(data, strict=True)
    with Image.open(FOLDER / f"{name}.png") as image:
        wanted = np.asarray(image)
    assert picture.shape == wanted.shape
    assert picture.dtype == np.uint8
    off = np.abs(picture.astype(int) - wanted)
    # One level of Cb moves B by 1.8 levels; only samples at the edge of rounding may move at all.
    assert off.max() <= (3 if picture.ndim == 3 else 1)
    assert off.mean() < 0.01
    if picture.ndim == 3:
        assert np.abs(split(picture)[0].astype(int) - split(wanted)[0]).max() <= 1


def test_golden_files_cover_each_number_at_each_scale_with_a_network() -> None:
    streams = [Bitstream.from_bytes(path.read_bytes()) for path in FOLDER.glob("*.dlic")]
    covered = {(stream.pipeline, stream.scale) for stream in streams if stream.pipeline is not None}
    numbered = [(number, find_pipeline(name)) for number, name in numbers().items()]
    assert {
        (number, scale) for number, p in numbered for roles in p.networks.values() for scale in roles if scale
    } <= covered


def test_what_numbers_name_is_frozen() -> None:
    """Each number's networks, to the byte: another composition gets another number, other weights another name."""
    assert meanings() == NUMBERS
    for name, digest in IN_LOOP.items():
        assert sha256(find_card(name).weights) == digest, f"{name} is frozen: give a new name"


def test_networks_of_a_pipeline_take_at_most_10_mb() -> None:
    for number in NUMBERS:
        networks = find_pipeline(numbers()[int(number)]).networks
        files = {Path(target) for roles in networks.values() for target in roles.values()}
        assert sum(file.stat().st_size for file in files) <= 10e6
