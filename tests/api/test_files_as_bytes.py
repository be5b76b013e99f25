"""Bytes in and out, Pillow, and what else tells a bitstream by its bytes."""

import io
import mimetypes
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError
from skimage import data

import lightning_dlic as dlic
import lightning_dlic.pillow
from dlic_registry import DlicError

SHARE = Path(__file__).parents[2] / "share"
PHOTO = np.ascontiguousarray(data.chelsea()[40:136, 100:228])


def png(picture: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(("picture", "mode"), [(PHOTO, "RGB"), (PHOTO[..., 1], "L")], ids=["color", "grey"])
def test_bytes_go_in_and_out_as_arrays_do(picture: np.ndarray, mode: str) -> None:
    small = dlic.encode(png(picture), bytes=500, effort=1, pipeline="bicubic")
    assert small == dlic.compress(picture, bytes=500, effort=1, pipeline="bicubic").data
    pixels = dlic.decompress(small)
    with Image.open(io.BytesIO(dlic.decode(small))) as again:
        assert np.array_equal(np.asarray(again), pixels)
    assert dlic.decode(small, ".jpg", quality=80)[:2] == b"\xff\xd8"
    with Image.open(io.BytesIO(small)) as image:
        assert (image.format, image.mode, image.size) == ("DLIC", mode, (128, 96))
        assert np.array_equal(np.asarray(image), pixels)
        assert image.get_format_mimetype() == "image/x-dlic"


def test_pillow_saves_by_the_suffix_and_opens_hints_in_colour(tmp_path: Path) -> None:
    path = tmp_path / "x.dlic"
    Image.fromarray(PHOTO).save(path, bytes=700, effort=1, pipeline="bicubic", hints="grid")
    assert path.stat().st_size <= 700
    with Image.open(path) as image:
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image.copy()), dlic.decompress(path.read_bytes()))
    assert mimetypes.guess_type("x.dlic")[0] == "image/x-dlic"


def test_mistakes_are_those_that_pillow_and_we_raise() -> None:
    small = bytearray(dlic.encode(png(PHOTO), bytes=500, effort=1, pipeline="bicubic"))
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(small[:5]))
    small[-6] ^= 255
    with Image.open(io.BytesIO(small)) as image, pytest.raises(OSError, match=r"base layer|checksum|damaged"):
        image.load()
    with pytest.raises(ValueError, match="too few"):
        Image.fromarray(PHOTO).save(io.BytesIO(), "DLIC", bytes=5, effort=1, pipeline="bicubic")
    with pytest.raises(DlicError, match=r"\.xyz"):
        dlic.decode(b"", ".xyz")
    with pytest.raises(DlicError, match="picture"):
        dlic.encode(b"no picture", bytes=100)


def test_the_tables_of_others_tell_it_by_its_bytes(tmp_path: Path) -> None:
    small = dlic.encode(png(PHOTO), bytes=300, effort=1, pipeline="bicubic")
    xml = (SHARE / "lightning-dlic.xml").read_text()
    value, mask = (int(number, 16) for number in re.findall(r'(?:value|mask)="(0x\w+)"', xml))
    assert int.from_bytes(small[:4], "big") & mask == value
    if shutil.which("file") is None:
        pytest.skip("file(1) is not installed")
    path = tmp_path / "x"
    path.write_bytes(small)
    command = ["file", "-b", "-m", SHARE / "lightning-dlic.magic", path]
    assert "lightning-dlic" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
