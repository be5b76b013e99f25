"""What a pipeline's number names is frozen: files of each number decode as they did, weights and recipes stay."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from lightning_dlic.codec import Bitstream, decode_base
from lightning_dlic.imaging.numpy.color import split
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.plan import find_pipeline, numbers
from lightning_dlic.recipe.find import PIPELINES, shipped_folder
from lightning_dlic.zoo import find_card, sha256

FOLDER = Path(__file__).parent / "golden"
GOLDEN = json.loads((FOLDER / "base_crc32.json").read_text())
# SHA-256 of each numbered recipe's content as JSON with sorted keys: comments may change, meaning may not.
RECIPES = {
    1: ("photo", "850ce2daf565fb0f5ae944690225fc2b4eb97f3e1414c56ab3810945cf9376b4"),
    2: ("color", "b7c3c8ee1194720455eedf1d12c895507e042905d1ae192a2cb17954f8a53623"),
    3: ("look", "571dae819403d1b87adae17e7de220d9e20fd9504cfa5fdfc3821b82dfae7621"),
}
# What a decoder runs, and the networks inside the loop of `intra` that payloads need not name.
WEIGHTS = {
    "codec_y_x2": "d1e8cd55b4460ad241a802bc299ef2e0b33b24d0d212d9f7b1e6bb5d96af9b18",
    "codec_y_x4": "bf7342675497f6472a74f2b6abfecebfce7cdac5598837ca4d9df12d230840eb",
    "look_y_x2": "11ef53b0d847dcc6cac83fc4400419fcc76c0f6304dbc2220a0bbc43e19d2706",
    "multihypothesis_compact": "fb69128f96e62c293a025036c0f7efed2efa442cbba4e34d6905b67c062e5718",
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


def test_numbered_recipes_are_frozen() -> None:
    folder = shipped_folder()
    assert folder is not None
    assert numbers() == {number: name for number, (name, _) in RECIPES.items()}
    for name, digest in RECIPES.values():
        meaning = json.dumps(yaml.safe_load((folder / PIPELINES / f"{name}.yaml").read_text()), sort_keys=True)
        assert hashlib.sha256(meaning.encode()).hexdigest() == digest, f"{name} is frozen: give a new number instead"


def test_weights_that_numbered_recipes_name_are_frozen() -> None:
    pipelines = [find_pipeline(name) for name in numbers().values()]
    targets = {target for pipeline in pipelines for roles in pipeline.networks.values() for target in roles.values()}
    used = {Path(target.removeprefix("zoo:")).stem for target in targets}
    assert used <= set(WEIGHTS)
    for name, digest in WEIGHTS.items():
        assert sha256(find_card(name).weights) == digest, f"{name} is frozen: give a new name"
