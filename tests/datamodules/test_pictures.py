"""Pictures in and out: 16 bits, transparency, profile, orientation; broken files."""

import contextlib
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps
from skimage import data

from dlic_datamodules.errors import PictureError
from dlic_datamodules.picture_writer import write_picture
from dlic_datamodules.pictures import Picture, read_picture, read_picture_file
from dlic_registry import DlicError


@pytest.fixture(scope="module")
def deep():
    """A photograph with 16 bits a sample, [40, 56, 3]."""
    fine = data.coffee()[:160, :224].reshape(40, 4, 56, 4, 3).mean((1, 3))
    return (fine * 257).round().astype(np.uint16)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_what_is_written_is_read_back(tmp_path, deep, suffix, channels, transparent, bits):
    samples = deep if bits == 16 else (deep >> 8).astype(np.uint8)
    alpha = samples[..., 1] if transparent else None
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = tmp_path / f"picture{suffix}"
    assert write_picture(path, Picture(samples[..., :channels], alpha, icc)) == []
    back = read_picture_file(path)
    assert back.pixels.dtype == samples.dtype
    np.testing.assert_array_equal(back.pixels, samples[..., :channels])
    assert (back.alpha is None) == (alpha is None)
    if transparent:
        np.testing.assert_array_equal(back.alpha, alpha)
    assert back.icc == icc
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_reading_and_writing_start_without_torch():
    modules = ("decode", "files", "picture_writer", "pictures", "walk")
    lines = [f"import dlic_datamodules.{name}" for name in modules]
    code = "; ".join([*lines, "import sys", "sys.exit('torch' in sys.modules)"])
    subprocess.run([sys.executable, "-c", code], check=True)


def test_others_read_our_16_bit_files(tmp_path, deep):
    for name in ("a.png", "a.tif"):
        write_picture(tmp_path / name, Picture(deep, deep[..., 0]))
        with Image.open(tmp_path / name) as image:
            assert image.size == (56, 40)
            assert image.mode == "RGBA"
            assert np.abs(np.asarray(image)[..., :3].astype(int) - (deep >> 8)).max() <= 1
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif")[..., :3], deep)


def test_formats_that_hold_less_say_what_was_lost(tmp_path, deep):
    clear = np.zeros(deep.shape[:2], np.uint16)
    path = tmp_path / "a.jpg"
    assert write_picture(path, Picture(deep, clear)) == ["16 bits", "transparency"]
    assert read_picture_file(path).pixels.min() > 250
    assert write_picture(tmp_path / "a.webp", Picture(deep, clear)) == ["16 bits"]
    assert read_picture_file(tmp_path / "a.webp").alpha.max() == 0


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("bits", [8, 16])
def test_pictures_come_upright(tmp_path, deep, orientation, bits):
    exif = Image.Exif()
    exif[0x0112] = orientation
    small = Image.fromarray((deep >> 8).astype(np.uint8))
    if bits == 8:
        small.save(tmp_path / "a.tif", exif=exif)
    else:
        tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb", extratags=[(0x0112, 3, 1, orientation, True)])
    small.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(small))
    pixels = read_picture_file(tmp_path / "a.tif").pixels
    np.testing.assert_array_equal(pixels if bits == 8 else pixels >> 8, expected)


def test_palettes_cmyk_bilevel_and_16_bit_grey(tmp_path, deep):
    colour = Image.fromarray((deep >> 8).astype(np.uint8))
    colour.quantize(16).save(tmp_path / "palette.png")
    assert read_picture_file(tmp_path / "palette.png").pixels.shape == (40, 56, 3)
    colour.convert("CMYK").save(tmp_path / "cmyk.jpg")
    assert read_picture_file(tmp_path / "cmyk.jpg").pixels.shape == (40, 56, 3)
    colour.convert("1").save(tmp_path / "bilevel.png")
    assert set(np.unique(read_picture_file(tmp_path / "bilevel.png").pixels)) == {0, 255}
    grey = deep[..., 0]
    (tmp_path / "grey.pgm").write_bytes(b"P5 56 40 65535\n" + grey.astype(">u2").tobytes())
    np.testing.assert_array_equal(read_picture_file(tmp_path / "grey.pgm").pixels[..., 0], grey)
    tifffile.imwrite(tmp_path / "planar.tif", deep.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_picture_file(tmp_path / "planar.tif").pixels, deep)


@pytest.mark.parametrize("name", ["a.gif", "a", "a.jxx"])
def test_unknown_suffix_names_the_known(tmp_path, deep, name):
    with pytest.raises(DlicError, match=r"written as \.png, \.tif"):
        write_picture(tmp_path / name, Picture(deep))
    assert list(tmp_path.iterdir()) == []


def test_a_declared_size_beyond_the_limit_is_refused(tmp_path, deep):
    write_picture(tmp_path / "a.png", Picture(deep))
    with pytest.raises(DlicError, match=r"a\.png: declares 56x40"):
        read_picture_file(tmp_path / "a.png", max_pixels=1000)
    with pytest.raises(DlicError, match="no such file"):
        read_picture_file(tmp_path / "missing.png")


@pytest.fixture(scope="module")
def files(tmp_path_factory, deep):
    folder = tmp_path_factory.mktemp("whole")
    for suffix in (".png", ".tif"):
        write_picture(folder / f"a{suffix}", Picture(deep[:16, :16], deep[:16, :16, 0]))
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_broken_files_raise_nothing_but_our_error(tmp_path_factory, files, draw):
    suffix = draw.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[suffix])
    for _ in range(draw.draw(st.integers(1, 8))):
        content[draw.draw(st.integers(0, len(content) - 1))] = draw.draw(st.integers(0, 255))
    content = content[: draw.draw(st.integers(1, len(content)))] if draw.draw(st.booleans()) else content
    path = tmp_path_factory.getbasetemp() / f"broken{suffix}"
    path.write_bytes(content)
    # Either a picture, or the one error that names the file.
    with contextlib.suppress(DlicError):
        assert read_picture_file(path, max_pixels=1 << 20).pixels.ndim == 3


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_truncated_file_is_named(tmp_path, files, suffix):
    path = tmp_path / f"half{suffix}"
    path.write_bytes(files[suffix][: len(files[suffix]) // 2])
    with pytest.raises(DlicError, match=f"half{suffix}: ") as error:
        read_picture_file(path)
    assert len(str(error.value).splitlines()) == 1


def jp2(samples, layout):
    """A JPEG 2000 codestream without loss."""
    encoder = av.CodecContext.create("jpeg2000", "w")
    height, width, _ = samples.shape
    encoder.width, encoder.height, encoder.pix_fmt = width, height, layout
    encoder.time_base, encoder.options = Fraction(1, 1), {"pred": "dwt53"}
    frame = av.VideoFrame.from_ndarray(samples, format="rgb48le").reformat(format=layout)
    return b"".join(map(bytes, [*encoder.encode(frame), *encoder.encode(None)]))


def ppm(samples, largest=65535, plain=False):
    height, width, _ = samples.shape
    head = f"P{3 if plain else 6} # a remark 3\n{width}\n{height} {largest}\n".encode()
    return head + (" ".join(map(str, samples.reshape(-1))).encode() if plain else samples.astype(">u2").tobytes())


@pytest.mark.parametrize(
    ("make", "off"),
    [
        (lambda deep: jp2(deep, "rgb48le"), 0),
        (lambda deep: jp2(deep, "gbrp12le"), 32),
        (ppm, 0),
        (lambda deep: ppm(deep, plain=True), 0),
        (lambda deep: ppm(deep >> 6, 1023), 64),
    ],
    ids=["jp2-16", "jp2-12", "ppm-16", "ppm-plain", "ppm-10"],
)
def test_deep_colour_keeps_its_bits_whatever_the_format(deep, make, off):
    data = make(deep)
    found = read_picture(data)
    assert found.pixels.dtype == np.uint16
    assert np.abs(found.pixels.astype(int) - deep).max() <= off
    for cut in (len(data) // 2, 30):
        with pytest.raises(PictureError):
            read_picture(data[:cut])


def jxl(codec, layout, raw, source="rgb48le"):
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    pytest.importorskip("pillow_jxl")
    head = [ffmpeg, "-v", "error", "-f", "rawvideo", "-pix_fmt", source, "-s", "56x40", "-i", "-", "-c:v", codec]
    command = [*head, "-pix_fmt", layout, "-f", "image2pipe", "-"]
    return subprocess.run(command, input=raw, capture_output=True, check=True).stdout


def test_jpeg_xl_that_cannot_be_had_whole_is_refused_or_told(deep):
    for layout in ("rgb48le", "rgba64le"):
        with pytest.raises(PictureError, match=r"JPEG XL of more than 8 bits.*save it as"):
            read_picture(jxl("libjxl", layout, deep.tobytes()))
    assert read_picture(jxl("libjxl", "rgb24", deep.tobytes())).notes == ()
    assert read_picture(jxl("libjxl", "gray16le", deep[..., :1].tobytes(), "gray16le")).deep
    (note,) = read_picture(jxl("libjxl_anim", "rgb24", deep.tobytes() * 3)).notes
    assert "of which the first is taken" in note
