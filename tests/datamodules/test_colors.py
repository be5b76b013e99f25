"""Colours, depths and transparency come out right, or the picture is refused: never other values in silence."""

import io
import struct
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import tifffile
from picture_maker import chunk, encoded, tiff
from PIL import Image, ImageCms

from dlic_datamodules.decode import decode
from dlic_datamodules.errors import DataError, PictureError
from dlic_datamodules.jxl_header import jxl_facts
from dlic_datamodules.pictures import read_image, read_picture, to_srgb

RGB = np.full((8, 8, 3), (60, 160, 90), np.uint8)
GREY = np.full((8, 8), 100, np.uint8)
# By hand: sRGB's curve over the linear value, after the matrices of the primaries.
LINEAR_RGB, LINEAR_GREY, P3, HALF = (133, 208, 160), (168,), (0, 163, 82), (157, 207, 172)
_DEPTHS = {np.dtype(np.uint8): 8, np.dtype(np.uint16): 16}


def png(pixels: np.ndarray, *extra: bytes, depth: int = 0) -> bytes:
    """A PNG of grey, grey with transparency, RGB or RGBA, with chunks before its pixels."""
    depth = depth or _DEPTHS[pixels.dtype]
    colour = {2: 0, 3: 2}[pixels.ndim] if pixels.ndim == 2 or pixels.shape[2] == 3 else {2: 4, 4: 6}[pixels.shape[2]]
    rows = [row.astype(">u2" if depth == 16 else "u1").reshape(-1) for row in pixels]
    if depth < 8:
        rows = [np.packbits((row[:, None] >> np.arange(depth)[::-1]) & 1) for row in rows]
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], depth, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", head), *extra, chunk(b"IDAT", body), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def gamma(value: int) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", value))


def code_points(*values: int) -> bytes:
    return chunk(b"cICP", bytes([*values, 0, 1]))


def tif(pixels: np.ndarray, **options: object) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **options)
    return out.getvalue()


def packed_tif(bits: int, value: int) -> bytes:
    """A grey TIFF whose samples of so many bits lie one behind the other."""
    samples = np.full((8, 8, 1), value)
    rows = np.packbits(((samples >> np.arange(bits)[::-1]) & 1).reshape(8, -1).astype(np.uint8), axis=1).tobytes()
    tags = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, bits), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, 1, 122), (277, 3, 1, 1), (278, 4, 1, 8), (279, 4, 1, len(rows))]
    return tiff(tags, tail=rows)


def linear_profile(mode: str) -> bytes:
    """The profile that a PNG of linear samples implies, taken out of it."""
    picture = read_picture(png(GREY if mode == "L" else RGB, gamma(100_000)))
    assert picture.icc is not None
    return picture.icc


def deep(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.uint16) * 257


def with_alpha(pixels: np.ndarray, alpha: int) -> np.ndarray:
    planes = pixels if pixels.ndim == 3 else pixels[..., None]
    return np.concatenate((planes, np.full((8, 8, 1), alpha, pixels.dtype)), axis=2)


LINEAR = linear_profile("RGB")
_P3_CHROMATICITIES = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))


def bmp_with(icc: bytes) -> bytes:
    """A BMP of version 5, whose header is 84 bytes longer than that of version 3 and names a profile."""
    data = encoded(RGB, "BMP")
    fields = {0: 124, 56: int.from_bytes(b"MBED", "big"), 112: len(data) - 14 + 84, 116: len(icc)}
    head = bytearray(data[14:54] + bytes(84))
    for at, value in fields.items():
        head[at : at + 4] = struct.pack("<I", value)
    return data[:10] + struct.pack("<I", 54 + 84) + bytes(head) + data[54:] + icc


def avif_with(primaries: int, transfer: int) -> bytes:
    """An AVIF file of these code points."""
    data = encoded(RGB, "AVIF", quality=100, subsampling="4:4:4")
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def packed_rgb16_tif(algorithm: str) -> bytes:
    """A TIFF of 16 bits by FFmpeg, whose encoder has what tifffile's lacks."""
    encoder = av.CodecContext.create("tiff", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 8, 8, "rgb48le", Fraction(1, 25)
    encoder.options = {"compression_algo": algorithm}
    frame = av.VideoFrame(8, 8, "rgb48le")
    rows = np.zeros((8, frame.planes[0].line_size), np.uint8)
    rows[:, :48] = (deep(RGB) + 1).reshape(8, -1).view(np.uint8)
    frame.planes[0].update(rows.tobytes())
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def jp2_with(icc: bytes) -> bytes:
    """A JPEG 2000 file whose box of colours, one of 15 bytes, holds a profile."""
    data = encoded(RGB, "JPEG2000")
    head, box = data.index(b"jp2h") - 4, data.index(b"colr") - 4
    assert data[box : box + 4] == b"\0\0\0\x0f"
    size = int.from_bytes(data[head : head + 4], "big") - 15 + 11 + len(icc)
    made = struct.pack(">I", 11 + len(icc)) + b"colr\2\0\0" + icc
    return data[:head] + struct.pack(">I", size) + data[head + 4 : box] + made + data[box + 15 :]


RIGHT = {
    "profile of RGB": (encoded(RGB, icc_profile=LINEAR), LINEAR_RGB),
    "profile of a palette": (encoded(Image.fromarray(RGB).quantize(4), icc_profile=LINEAR), LINEAR_RGB),
    "profile of grey": (encoded(GREY, icc_profile=linear_profile("L")), LINEAR_GREY),
    "profile of RGB on grey": (encoded(GREY, icc_profile=LINEAR), LINEAR_GREY),
    "profile under transparency": (encoded(with_alpha(RGB, 255), icc_profile=LINEAR), LINEAR_RGB),
    "profile of 16 bits": (tif(deep(RGB), photometric="rgb", iccprofile=LINEAR), LINEAR_RGB),
    "profile of WebP": (encoded(RGB, "WEBP", lossless=True, icc_profile=LINEAR), LINEAR_RGB),
    "profile of AVIF": (encoded(RGB, "AVIF", quality=100, icc_profile=LINEAR), LINEAR_RGB),
    "gamma of grey": (png(GREY, gamma(100_000)), LINEAR_GREY),
    "gamma of RGB": (png(RGB, gamma(100_000)), LINEAR_RGB),
    "gamma of 16 bits": (png(deep(RGB), gamma(100_000)), LINEAR_RGB),
    "gamma that means sRGB": (png(RGB, gamma(45_455)), (60, 160, 90)),
    "gamma under a chunk sRGB": (png(RGB, gamma(100_000), chunk(b"sRGB", b"\0")), (60, 160, 90)),
    "chromaticities": (png(RGB, _P3_CHROMATICITIES), P3),
    "code points over gamma": (png(RGB, gamma(100_000), code_points(12, 13)), P3),
    "code points of sRGB": (png(RGB, gamma(100_000), code_points(1, 13)), (60, 160, 90)),
    "profile over a chunk sRGB": (
        png(RGB, chunk(b"iCCP", b"x\0\0" + zlib.compress(LINEAR)), chunk(b"sRGB", b"\0")),
        LINEAR_RGB,
    ),
    "transparent grey of 16 bits": (png(deep(GREY), chunk(b"tRNS", struct.pack(">H", 25700))), (255,)),
    "transparent grey of 4 bits": (png(GREY // 16, chunk(b"tRNS", b"\0\6"), depth=4), (255,)),
    "transparent colour of 16 bits": (png(deep(RGB), chunk(b"tRNS", struct.pack(">3H", *deep(RGB)[0, 0]))), (255,) * 3),
    "RGBA of 16 bits": (png(with_alpha(deep(RGB), 32768)), HALF),
    "grey and transparency of 16 bits": (tif(with_alpha(deep(GREY), 0), extrasamples=["unassalpha"]), (255,)),
    "premultiplied": (tif(with_alpha(RGB // 2, 128), photometric="rgb", extrasamples=["assocalpha"]), HALF),
    "premultiplied, 16 bits": (
        tif(with_alpha(deep(RGB) // 2, 32768), photometric="rgb", extrasamples=["assocalpha"]),
        HALF,
    ),
    "a fourth sample that is no transparency": (
        tif(with_alpha(deep(RGB), 0), photometric="rgb", extrasamples=["unspecified"]),
        (60, 160, 90),
    ),
    "planes of 8 bits": (tif(RGB.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"), (60, 160, 90)),
    "planes of 16 bits": (tif(deep(RGB).transpose(2, 0, 1), photometric="rgb", planarconfig="separate"), (60, 160, 90)),
    "white is 0": (tif(deep(GREY), photometric="miniswhite"), (155,)),
    "12 bits of TIFF": (packed_tif(12, 1606), (100,)),
    "12 bits of PGM": (b"P5 8 8 4095\n" + np.full(64, 1606, ">u2").tobytes(), (100,)),
    "10 bits of PPM": (b"P6 8 8 1023\n" + np.tile(np.array([241, 642, 361], ">u2"), 64).tobytes(), (60, 160, 90)),
    "profile of BMP": (bmp_with(LINEAR), LINEAR_RGB),
    "code points of AVIF": (avif_with(12, 13), P3),
    "profile of JPEG 2000": (jp2_with(LINEAR), LINEAR_RGB),
}


@pytest.mark.parametrize("case", RIGHT)
def test_colors_are_right(case: str) -> None:
    data, expected = RIGHT[case]
    planes = decode(data)
    wanted = expected * 3 if len(expected) == 1 else expected
    assert np.abs(planes[:, 4, 4].astype(int) - wanted).max() <= (3 if "AVIF" in case else 1)
    assert to_srgb(read_picture(data)).pixels.shape[2] == len(expected)


REFUSED = {
    "float PFM": (b"Pf\n8 8\n-1.0\n" + GREY.astype("<f4").tobytes(), "floating-point"),
    "float TIFF": (tif(GREY.astype(np.float32) / 255), "floating-point"),
    "float RGB": (tif(np.full((8, 8, 3), np.nan, np.float32), photometric="rgb"), "floating-point"),
    "half floats": (tif(GREY.astype(np.float16)), "floating-point"),
    "signed": (tif(GREY.astype(np.int16)), "signed"),
    "32 bits": (tif(GREY.astype(np.uint32)), "32-bit"),
    "CMYK of 16 bits": (tif(np.full((8, 8, 4), 9000, np.uint16), photometric="separated"), "16 bits and colours"),
    "CIELAB of 16 bits": (tif(np.full((8, 8, 3), 9000, np.uint16), photometric="cielab"), "16 bits and colours"),
    "14 bits": (packed_tif(14, 6000), "not a picture"),
    "PQ": (png(deep(RGB), code_points(9, 16)), "high dynamic range"),
    "narrow range": (png(RGB, chunk(b"cICP", bytes([1, 13, 0, 0]))), "narrow range"),
    "PQ of AVIF": (avif_with(9, 16), "high dynamic range"),
    "code points of XYZ": (png(RGB, code_points(10, 13)), "code points 10 and 13"),
    "HLG": (png(RGB, code_points(9, 18)), "high dynamic range"),
    "preview of a raw file": (tif(RGB, photometric="rgb", subfiletype=1), "mere preview"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_known_range_is_refused(case: str) -> None:
    data, message = REFUSED[case]
    with pytest.raises(PictureError, match=message):
        decode(data)


_SECOND = {"save_all": True, "append_images": [Image.new("RGB", (8, 8))]}
NOTED = {
    "broken profile": (encoded(RGB, icc_profile=b"no profile"), "profile is broken"),
    "profile of another space": (encoded(RGB, icc_profile=linear_profile("L")), "profile is one of GRAY"),
    "gamma 0": (png(RGB, gamma(0)), "makes no sense"),
    "white point without brightness": (png(RGB, chunk(b"cHRM", bytes(32))), "makes no sense"),
    **{f"frames of {form}": (encoded(RGB, form, **_SECOND), "first is taken") for form in ("GIF", "WEBP", "MPO")},
    "pages of 8 bits": (tif(np.stack([RGB] * 2), photometric="rgb"), "first is taken"),
    "pages of 16 bits": (tif(np.stack([deep(RGB)] * 2), photometric="rgb"), "first is taken"),
}


@pytest.mark.parametrize("case", NOTED)
def test_what_is_left_out_is_said(case: str) -> None:
    data, message = NOTED[case]
    (note,) = to_srgb(read_picture(data)).notes
    assert message in note


def test_16_bits_are_converted_between_the_8_bit_colours() -> None:
    # Linear samples in the dark: 8 bits of them are steps of 13 levels of sRGB.
    dark = np.arange(0, 2 * 257, 2, dtype=np.uint16).reshape(1, -1)
    made = to_srgb(read_picture(png(dark, gamma(100_000)))).pixels[0, :, 0].astype(float)
    linear = dark[0] / 65535
    exact = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(made - exact).max() < 1.5


@pytest.mark.parametrize("algorithm", ["lzw", "packbits"])
def test_16_bits_in_the_commonest_compressions(algorithm: str) -> None:
    data = packed_rgb16_tif(algorithm)
    np.testing.assert_array_equal(read_picture(data).pixels, deep(RGB) + 1)
    begin = tifffile.TiffFile(io.BytesIO(data)).pages[0].dataoffsets[0]
    with pytest.raises(PictureError):
        read_picture(data[: begin + 4] + b"\xff" * 8 + data[begin + 12 :] if algorithm == "lzw" else data[: begin + 2])


def test_an_image_of_pillows_is_read_as_its_file() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(np.ascontiguousarray(with_alpha(RGB, 128)[:4]), icc_profile=LINEAR, exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        ours, theirs = read_image(image), read_picture(data)
    assert ours.pixels.shape == (8, 4, 3)
    np.testing.assert_array_equal(ours.pixels, theirs.pixels)
    assert ours.icc == theirs.icc == LINEAR


@pytest.mark.parametrize(("form", "module"), [("HEIF", "pillow_heif"), ("JXL", "pillow_jxl")])
def test_pictures_of_optional_packages(form: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = pytest.importorskip(module)
    if form == "HEIF":
        plugin.register_heif_opener()
    image = Image.fromarray(np.ascontiguousarray(np.tile(RGB, (3, 5, 1))))
    data = encoded(image, form, quality=95)
    assert np.abs(decode(data)[:, 4, 4].astype(int) - RGB[0, 0]).max() <= 2
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DataError, match=r"pip install 'lightning-dlic\[(heic|jxl)\]'"):
        decode(data)


def test_broken_tags_are_not_printed_by_libraries(tmp_path: Path) -> None:
    broken = tif(deep(RGB), photometric="rgb").replace(
        struct.pack("<HHII", 277, 3, 1, 3), struct.pack("<HHII", 277, 3, 1, 999)
    )
    (tmp_path / "a.tif").write_bytes(
        broken.replace(b"tifffile.py", b"").replace(struct.pack("<HH", 305, 2), b"\x31\1\0\3")
    )
    code = (
        "import sys; from dlic_datamodules.pictures import read_picture\n"
        "try: read_picture(open(sys.argv[1], 'rb').read())\n"
        "except Exception as error: print(type(error).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.tif")], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("PictureError\n", "")


def test_a_jpeg_xl_file_is_not_decoded_to_learn_its_size() -> None:
    pytest.importorskip("pillow_jxl")
    for size in ((1, 1), (40, 24), (1920, 1080), (7, 5000)):
        for container in (False, True):
            data = encoded(Image.new("RGB", size), "JXL", effort=1, use_container=container)
            assert jxl_facts(data).size == size
    with pytest.raises(PictureError, match="max_pixels"):
        read_picture(b"\xff\x0a" + (0x3FFFFFFF << 3 | 3 << 1).to_bytes(8, "little") + bytes(8))


def test_one_limit_of_pixels_which_pillow_does_not_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert read_picture(encoded(RGB)).pixels.shape == (8, 8, 3)
    assert Image.MAX_IMAGE_PIXELS == 10
    with pytest.raises(PictureError, match="more than max_pixels = 63"):
        read_picture(encoded(RGB), 63)


def test_profiles_for_high_dynamic_range_are_refused() -> None:
    icc = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # In place of the first tag, the one that holds code points.
    at = int.from_bytes(icc[136:140], "big")
    icc[132:136], icc[at : at + 12] = b"cicp", b"cicp\0\0\0\0\x09\x10\0\1"
    with pytest.raises(PictureError, match="high dynamic range"):
        decode(encoded(RGB, icc_profile=bytes(icc)))
