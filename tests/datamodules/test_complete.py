"""Files that lack rows of their picture are refused, where readers would leave them black."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from picture_maker import encoded, noise

from dlic_datamodules.errors import PictureError
from dlic_datamodules.pictures import read_picture


def png(rows: list[bytes], height: int, width: int = 8, *, interlaced: bool = False, bits: int = 8) -> bytes:
    """A grey PNG that says to have so many rows."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        whole = kind + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    head = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, interlaced)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    # In two pieces, as writers leave large ones.
    parts = chunk(b"IDAT", data[:5]) + chunk(b"IDAT", data[5:])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + parts + chunk(b"IEND", b"")


def passes(picture: np.ndarray) -> list[bytes]:
    """The rows of a grey picture as an interlaced PNG has them."""
    found = []
    for left, top, across, down in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        part = picture[top::down, left::across]
        found += [row.tobytes() for row in part] if part.size else []
    return found


@pytest.mark.parametrize("value", [0, 128])
def test_a_png_without_its_last_rows_is_refused(value: int) -> None:
    rows = [bytes([value]) * 8] * 9
    assert read_picture(png(rows, 9)).pixels.tolist() == [[[value]] * 8] * 9
    for cut in (0, 1, 8):
        with pytest.raises(PictureError, match="cannot be decoded"):
            read_picture(png(rows[:cut], 9))
        with pytest.raises(PictureError, match="rows are missing"):
            read_picture(png(rows[:cut], 9, width=4, bits=16))
    assert read_picture(png(rows, 9, width=4, bits=16)).deep
    picture = noise(13, 11, seed=value)[..., 0]
    whole = passes(picture)
    assert np.array_equal(read_picture(png(whole, 13, 11, interlaced=True)).pixels[..., 0], picture)
    with pytest.raises(PictureError, match="rows are missing"):
        read_picture(png(whole[:-1], 13, 11, interlaced=True))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"progressive": True},
        {"restart_marker_blocks": 3},
        {"subsampling": 0},
        {"progressive": True, "subsampling": 1, "quality": 20},
    ],
)
def test_a_jpeg_that_ends_within_its_pixels_is_refused_though_its_end_mark_is_there(
    options: dict[str, Any], channels: int
) -> None:
    picture = noise(72, 88)[..., :channels].squeeze()
    whole = encoded(picture, "JPEG", **options)
    for sound in (whole, whole + b"more", encoded(np.full_like(picture, 128), "JPEG", **options)):
        assert read_picture(sound).pixels.shape == (72, 88, channels)
    for share in (0.5, 0.95):
        with pytest.raises(PictureError, match="rows are missing"):
            read_picture(whole[: int(len(whole) * share)] + b"\xff\xd9")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("lost", ["strips", "offsets", "counts", "tiles"])
def test_a_tiff_without_all_its_strips_is_refused(bits: int, lost: str, tmp_path: Path) -> None:
    path, picture = tmp_path / "a.tif", noise(64, 48)[..., 0].astype(f"uint{bits}")
    shape = {"tile": (16, 16)} if lost == "tiles" else {"rowsperstrip": 16}
    tifffile.imwrite(path, picture, photometric="minisblack", **shape)
    assert read_picture(path.read_bytes()).pixels.shape == (64, 48, 1)
    places, sizes = (324, 325) if lost == "tiles" else (273, 279)
    with tifffile.TiffFile(path, mode="r+b") as file:
        tags = file.pages[0].tags
        for number in {"strips": (places, sizes), "counts": (sizes,)}.get(lost, (places,)):
            value = tags[number].value
            tags[number].overwrite(value[:2] if lost == "strips" else (*value[:-1], 0))
    with pytest.raises(PictureError, match="are missing"):
        read_picture(path.read_bytes())


def test_what_a_decoder_stumbled_over_is_told_in_words() -> None:
    lzw = encoded(noise(64, 64), "TIFF", compression="tiff_lzw")
    for data in (lzw[: len(lzw) // 2], png([], 8)[:40]):
        with pytest.raises(PictureError) as caught:
            read_picture(data)
        assert not any(word in caught.value.reason for word in ("index", "Errno", "stderr", "Error"))
