"""What becomes of the pictures people really have."""

import io
from pathlib import Path

import numpy as np
import pytest
from picture_maker import chunk, encoded, noise, png, zeros
from PIL import Image, ImageCms

from dlic_datamodules.decode import DecodeOptions, decode, probe
from dlic_datamodules.errors import DataError, PictureError


def _gradient() -> np.ndarray:
    """A picture all of whose eight orientations differ."""
    pixels = np.zeros((24, 40, 3), np.uint8)
    pixels[..., 0] = np.arange(40) * 6
    pixels[..., 1] = (np.arange(24) * 10)[:, None]
    return pixels


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied(orientation: int, form: str) -> None:
    upright = _gradient()
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "WEBP" else {}
    data = encoded(np.ascontiguousarray(stored), form, exif=exif, **options)
    np.testing.assert_array_equal(decode(data), upright.transpose(2, 0, 1))


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    wide = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    expected = np.rint(wide / 257).astype(np.uint8)
    for form in ("PNG", "TIFF"):
        planes = decode(encoded(Image.fromarray(wide), form))
        for plane in planes:
            np.testing.assert_array_equal(plane, expected)


def test_sixteen_bit_color_keeps_its_range() -> None:
    tifffile = pytest.importorskip("tifffile")
    wide = (noise(8, 8).astype(np.uint16) << 8) | 7
    out = io.BytesIO()
    tifffile.imwrite(out, wide, photometric="rgb")
    expected = np.rint(wide / 257).astype(np.uint8)
    np.testing.assert_array_equal(decode(out.getvalue()), expected.transpose(2, 0, 1))


def test_sixteen_bit_pgm_is_scaled() -> None:
    data = b"P5 2 1 65535\n" + np.array([65535, 257], ">u2").tobytes()
    assert decode(data)[0].tolist() == [[255, 1]]


def test_transparency_lies_over_white() -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:2, :, 3] = 255
    planes = decode(encoded(Image.fromarray(pixels)))
    assert (planes[:, :2] == 0).all()
    assert (planes[:, 2:] == 255).all()


def test_palette_with_alpha_and_color_keys() -> None:
    palette = Image.fromarray(np.repeat(np.arange(2, dtype=np.uint8), 8).reshape(4, 4), "P")
    palette.putpalette([10, 20, 30, 200, 100, 50])
    planes = decode(encoded(palette, transparency=bytes([255, 0])))
    assert planes[:, 0, 0].tolist() == [10, 20, 30]
    assert planes[:, 3, 0].tolist() == [255, 255, 255]
    keyed = decode(encoded(np.full((4, 4, 3), 9, np.uint8), transparency=(9, 9, 9)))
    assert (keyed == 255).all()
    gray_alpha = decode(encoded(Image.merge("LA", [Image.new("L", (4, 4), 7), Image.new("L", (4, 4), 0)])))
    assert (gray_alpha == 255).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr"])
def test_every_mode_gives_rgb_and_grey(mode: str) -> None:
    image = Image.fromarray(_gradient()).convert(mode)
    data = encoded(image, "JPEG", quality=100) if mode in ("CMYK", "YCbCr") else encoded(image)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    planes = decode(data)
    assert planes.shape == (3, 24, 40)
    assert planes.dtype == np.uint8
    assert np.abs(planes.transpose(1, 2, 0) - expected).max() <= 1
    gray = decode(data, DecodeOptions(gray=True))
    assert gray.shape == (1, 24, 40)
    luma = expected @ [0.299, 0.587, 0.114]
    assert np.abs(gray[0] - luma).max() <= 2


def _profile(name: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


def _wide_gamut_profile() -> bytes:
    """sRGB's profile with red and green exchanged: its colours are unmistakable."""
    data = bytearray(_profile("sRGB"))
    count = int.from_bytes(data[128:132], "big")
    where = {bytes(data[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, green = where[b"rXYZ"], where[b"gXYZ"]
    data[red + 4 : red + 12], data[green + 4 : green + 12] = data[green + 4 : green + 12], data[red + 4 : red + 12]
    # The description must no longer say sRGB.
    return bytes(data).replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))


def test_icc_profile_is_converted_to_srgb() -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    planes = decode(encoded(red, icc_profile=_wide_gamut_profile()))
    assert planes[1].min() > 250
    assert planes[0].max() < 5


def test_srgb_profile_changes_nothing_and_a_broken_one_is_ignored() -> None:
    pixels = noise(16, 16)
    for icc in (_profile("sRGB"), b"no profile at all", _wide_gamut_profile()[:200]):
        np.testing.assert_array_equal(decode(encoded(pixels, icc_profile=icc)), pixels.transpose(2, 0, 1))


def test_lab_tiff() -> None:
    lab = ImageCms.profileToProfile(
        Image.new("RGB", (8, 8), (200, 80, 40)),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    planes = decode(encoded(lab, "TIFF"))
    assert np.abs(planes[:, 4, 4].astype(int) - [200, 80, 40]).max() <= 3


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_animation_gives_its_first_frame(form: str) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in ((250, 0, 0), (0, 250, 0), (0, 0, 250))]
    data = encoded(
        frames[0], form, save_all=True, append_images=frames[1:], **({"lossless": True} if form == "WEBP" else {})
    )
    assert decode(data)[:, 8, 8].tolist() == [250, 0, 0]


def test_downsize_divides_both_sides_and_is_antialiased() -> None:
    stripes = np.zeros((50, 100, 3), np.uint8)
    stripes[:, ::2] = 255
    planes = decode(encoded(stripes), DecodeOptions(downsize=5))
    assert planes.shape == (3, 10, 20)
    assert np.abs(planes[:, :, 2:-2].astype(int) - 128).max() < 40


def test_max_pixels_is_checked_before_decoding() -> None:
    bomb = png(5000, 5000, chunk(b"IDAT", zeros(80)))
    with pytest.raises(PictureError, match="25,000,000 pixels, more than max_pixels = 1,000,000"):
        decode(bomb, DecodeOptions(max_pixels=1_000_000))
    assert decode(encoded(noise(10, 10)), DecodeOptions(max_pixels=100)).shape == (3, 10, 10)


def test_probe_knows_the_size_from_the_header() -> None:
    data = encoded(noise(30, 50))
    assert probe(data[:60]) == (50, 30)
    assert probe(data, DecodeOptions(downsize=2)) == (25, 15)


def test_import_leaves_pillow_as_it_was() -> None:
    from PIL import ImageFile

    assert Image.MAX_IMAGE_PIXELS == 1024 * 1024 * 1024 // 4 // 3
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def _dng(path: Path) -> None:
    """A small uncompressed DNG with a red scene, as a camera without compression would write it."""
    tifffile = pytest.importorskip("tifffile")
    mosaic = np.full((96, 128), 2000, np.uint16)
    mosaic[::2, ::2] = 12000
    matrix = np.array([1, 0, 0, 0, 1, 0, 0, 0, 1])
    rationals = [int(v) for value in matrix for v in (value * 10000, 10000)]
    tags = [
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, (0, 1, 1, 2), True),
        (50706, "B", 4, (1, 4, 0, 0), True),
        (50707, "B", 4, (1, 1, 0, 0), True),
        (50708, "s", 0, "Test camera", True),
        (50717, "I", 1, 16383, True),
        (50721, "2i", 9, rationals, True),
        (50728, "2I", 3, [1, 1, 1, 1, 1, 1], True),
        (50778, "H", 1, 21, True),
    ]
    tifffile.imwrite(path, mosaic, photometric=32803, extratags=tags, metadata=None)


def test_raw_file_is_developed_by_libraw(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    _dng(tmp_path / "a.dng")
    data = (tmp_path / "a.dng").read_bytes()
    planes = decode(data, raw=True)
    assert planes.shape[0] == 3
    assert abs(planes.shape[1] - 96) <= 4
    assert abs(planes.shape[2] - 128) <= 4
    red, green, blue = planes[:, 20:-20, 20:-20].reshape(3, -1).mean(1)
    assert red > green + 30
    assert red > blue + 30
    with pytest.raises(PictureError):
        decode(data[:200], raw=True)
    with pytest.raises(PictureError, match="max_pixels"):
        decode(data, DecodeOptions(max_pixels=1000), raw=True)


def test_raw_file_without_libraw_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(DataError, match=r"lightning-dlic\[raw\]"):
        decode(b"II*\0", raw=True)
