"""Picture files in and out with what everyday use must not lose: 16 bits, transparency and the colour profile."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from dlic_datamodules.decode import DecodeOptions, decode, probe
from dlic_datamodules.errors import PictureError
from dlic_registry import DlicError

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

_PNG = b"\x89PNG\r\n\x1a\n"
# Samples a pixel of the layouts in which FFmpeg gives PNG files of 16 bits.
_PNG16 = {"gray16be": 1, "ya16be": 2, "rgb48be": 3, "rgba64be": 4}
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
# What each written format can hold, and how it is written: near enough to lossless where it must lose.
_WRITE: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {"compress_level": 4}),
    ".tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".webp": ("WEBP", {"quality": 95}),
    ".avif": ("AVIF", {"quality": 90}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".bmp": ("BMP", {}),
    ".ppm": ("PPM", {}),
}
# Formats that run no other program.
_READ = ("PNG", "JPEG", "MPO", "WEBP", "TIFF", "BMP", "DIB", "GIF", "PPM", "JPEG2000", "AVIF")
WRITABLE = tuple(_WRITE)
DEEP = (".png", ".tif", ".tiff")
TRANSPARENT = (".png", ".tif", ".tiff", ".webp", ".avif")


@dataclass(frozen=True)
class Picture:
    """A picture as its file holds it, upright.

    Attributes:
        pixels: uint8 or uint16 ``[H, W, C]``; C is 1 (grey) or 3 (RGB).
        alpha: ``[H, W]`` of the same type, or None where the file has no transparency.
        icc: The embedded colour profile, or None.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    icc: bytes | None = None

    @property
    def deep(self) -> bool:
        """Whether it has 16 bits a sample."""
        return self.pixels.dtype == np.uint16


def read_picture(path: Path, max_pixels: int = 1 << 28) -> Picture:
    """Reads a picture: 8 or 16 bits, grey or RGB, with transparency.

    Palettes become RGB, CMYK and Lab become sRGB, an animation gives its first frame, EXIF orientation is applied.

    Args:
        path: The file.
        max_pixels: A picture that declares more is refused before it is decoded.

    Raises:
        DlicError: The file is missing, or no picture within the limits.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DlicError(f"{path}: cannot be read ({error.strerror or error})") from error
    options = DecodeOptions(max_pixels=max_pixels)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _tiff16(data, max_pixels) or _read(data, options)
    except PictureError as error:
        raise DlicError(f"{path}: {error.reason}") from error
    except MemoryError as error:
        raise DlicError(f"{path}: needs too much memory") from error
    except Exception as error:  # decoders raise anything at all on broken bytes
        text = " ".join(str(error).split())[:200]
        raise DlicError(f"{path}: cannot be decoded: {text or type(error).__name__}") from error


def _read(data: bytes, options: DecodeOptions) -> Picture:
    probe(data, options)
    Image.init()
    with Image.open(io.BytesIO(data), formats=[name for name in _READ if name in Image.OPEN]) as image:
        icc = image.info.get("icc_profile")
        orientation = image.getexif().get(0x0112, 1)
        if data.startswith(_PNG) and data[24] == 16:
            return _upright(_split(_png16(data), icc), orientation)
        if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
            return _upright(_split(np.asarray(image).astype(np.uint16), icc), orientation)
        if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
            # Lab, CMYK and rarer modes: colours by their profile, so it no longer applies.
            return Picture(np.ascontiguousarray(decode(data, options).transpose(1, 2, 0)))
        transparent = image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info
        color = "L" if image.mode in ("1", "L", "LA") else "RGB"
        upright = ImageOps.exif_transpose(image)
        return _split(np.asarray(upright.convert(color + "A" if transparent else color)), icc)


def _split(samples: NDArray[Any], icc: bytes | None) -> Picture:
    """Colour and transparency of ``[H, W]`` or ``[H, W, 1..4]``."""
    if samples.ndim == 2:
        samples = samples[..., None]
    if samples.ndim != 3 or samples.shape[2] not in _PNG_COLOURS or samples.dtype not in (np.uint8, np.uint16):
        raise PictureError(f"samples of shape {samples.shape} and type {samples.dtype} are neither grey nor RGB")
    colors = 1 if samples.shape[2] < 3 else 3
    alpha = samples[..., colors] if samples.shape[2] > colors else None
    return Picture(samples[..., :colors], alpha, icc)


def _upright(picture: Picture, orientation: int) -> Picture:
    if orientation not in range(2, 9):
        return picture

    def turn(plane: Any) -> Any:
        plane = plane.swapaxes(0, 1) if orientation >= 5 else plane
        if orientation in (3, 4, 7, 8):
            plane = plane[::-1]
        return plane[:, ::-1] if orientation in (2, 3, 6, 7) else plane

    return replace(picture, pixels=turn(picture.pixels), alpha=None if picture.alpha is None else turn(picture.alpha))


def _png16(data: bytes) -> NDArray[np.uint16]:
    """All 16 bits of a PNG, which Pillow would cut to 8 where there is colour.

    By FFmpeg, which bears any bytes; torchvision's decoder ends the process on some.
    """
    import av

    decoder = av.CodecContext.create("png", "r")
    decoder.options = {"err_detect": "crccheck+explode"}
    frames = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    if not frames or frames[0].format.name not in _PNG16:
        raise PictureError("a PNG of 16 bits that holds no picture")
    frame, samples = frames[0], _PNG16[frames[0].format.name]
    rows = np.frombuffer(bytes(frame.planes[0]), ">u2").reshape(frame.height, -1)[:, : frame.width * samples]
    pixels: NDArray[np.uint16] = rows.reshape(frame.height, frame.width, samples).astype(np.uint16)
    return pixels


def _tiff16(data: bytes, max_pixels: int) -> Picture | None:
    """The first page of a 16-bit TIFF, which Pillow would cut to 8 bits or refuse; None for all other files."""
    if data[:4] not in _TIFF:
        return None
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        if page.bitspersample != 16 or page.sampleformat != tifffile.SAMPLEFORMAT.UINT:
            return None
        if page.samplesperpixel > 4 or page.size > max_pixels * page.samplesperpixel:
            raise PictureError(f"a TIFF of {page.samplesperpixel} samples a pixel and {page.size:,} samples")
        samples: NDArray[Any] = page.asarray()
        if samples.ndim == 3 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            samples = samples.transpose(1, 2, 0)
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            samples = 65535 - samples
        icc, orientation = (page.tags[tag].value if tag in page.tags else None for tag in (34675, 274))
    return _upright(_split(samples, icc), orientation or 1)


def write_picture(path: Path, picture: Picture) -> list[str]:
    """Writes a picture in the format of the file's suffix, whole or not at all.

    Args:
        path: The file; its folder must exist.
        picture: The picture.

    Returns:
        What the format could not keep, in words: 16 bits, transparency. Transparent parts are then laid over white.

    Raises:
        DlicError: The suffix names no format that is written here, or the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in _WRITE:
        raise DlicError(f"{path}: pictures are written as {', '.join(WRITABLE)}, not {suffix or 'without a suffix'}")
    picture, lost = _fit(picture, suffix)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write(fresh, suffix, picture)
        fresh.replace(path)
    except (OSError, ValueError) as error:
        raise DlicError(f"{path}: cannot be written ({error})") from error
    finally:
        fresh.unlink(missing_ok=True)
    return lost


def _fit(picture: Picture, suffix: str) -> tuple[Picture, list[str]]:
    """The nearest thing to a picture that a format can hold, and what is lost."""
    lost = []
    if picture.deep and suffix not in DEEP:
        lost.append("16 bits")
        alpha = picture.alpha
        picture = replace(picture, pixels=_to_8(picture.pixels), alpha=None if alpha is None else _to_8(alpha))
    if picture.alpha is not None and suffix not in TRANSPARENT:
        lost.append("transparency")
        weight = picture.alpha[..., None].astype(np.float32) / 255.0
        flat = (picture.pixels * weight + 255.0 * (1.0 - weight)).round().astype(np.uint8)
        picture = replace(picture, pixels=flat, alpha=None)
    return picture, lost


def _to_8(samples: Pixels) -> NDArray[np.uint8]:
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _write(path: Path, suffix: str, picture: Picture) -> None:
    samples: NDArray[Any] = picture.pixels
    if picture.alpha is not None:
        samples = np.concatenate((samples, picture.alpha[..., None]), axis=2)
    if picture.deep and suffix == ".png":
        _write_png16(path, samples, picture.icc)
        return
    if picture.deep:
        _write_tiff16(path, samples, picture)
        return
    name, options = _WRITE[suffix]
    profile = {"icc_profile": picture.icc} if picture.icc and name not in ("BMP", "PPM") else {}
    with path.open("wb") as file:
        Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples).save(
            file, format=name, **options, **profile
        )


def _write_tiff16(path: Path, samples: NDArray[Any], picture: Picture) -> None:
    import tifffile

    tifffile.imwrite(
        path,
        samples[..., 0] if samples.shape[2] == 1 else samples,
        photometric="rgb" if samples.shape[2] > 2 else "minisblack",
        planarconfig="contig" if samples.shape[2] > 1 else None,
        extrasamples=["unassalpha"] if picture.alpha is not None else None,
        iccprofile=picture.icc,
        compression="zlib",
        predictor=True,
    )


def _write_png16(path: Path, samples: NDArray[Any], icc: bytes | None) -> None:
    """A 16-bit PNG (ISO/IEC 15948), each row stored as differences from the row above."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, channels = samples.shape
    with path.open("wb") as file:
        file.write(_PNG)
        file.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, _PNG_COLOURS[channels], 0, 0, 0)))
        if icc:
            file.write(chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc)))
        packer = zlib.compressobj(6)
        above = np.zeros(width * channels * 2, np.uint8)
        for row in samples:
            line = row.astype(">u2").reshape(-1).view(np.uint8)
            if content := packer.compress(b"\x02" + (line - above).tobytes()):
                file.write(chunk(b"IDAT", content))
            above = line
        file.write(chunk(b"IDAT", packer.flush()))
        file.write(chunk(b"IEND", b""))
