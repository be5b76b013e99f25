"""All bits of files of more than 8 a sample, of which Pillow would keep 8 where there is colour."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlic_datamodules.complete import check_chunks, check_png
from dlic_datamodules.errors import PictureError
from dlic_datamodules.ffmpeg import frames
from dlic_datamodules.formats import check_size, is_jxl
from dlic_datamodules.jxl_header import jxl_facts

__all__ = ["PNG", "DeepTIFF", "deep_samples", "read_tiff"]

PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Samples a pixel of the layouts in which FFmpeg gives 16 bits.
_LAYOUTS = {"gray16": 1, "ya16": 2, "rgb48": 3, "rgba64": 4}
_PREMULTIPLIED = 1
# The largest value in the head of a PPM in colour, between whose numbers remarks may stand.
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_PPM = re.compile(rb"P[36]" + _GAP + rb"\d{1,9}" + _GAP + rb"\d{1,9}" + _GAP + rb"(\d{1,9})\s")
# Start and size of a JPEG 2000's codestream.
_SIZ = b"\xff\x4f\xff\x51"
# Compressions that need no package beyond tifffile: none, and zlib's two numbers.
_TIFFFILE = (1, 8, 32946)
_FFMPEG = (5, 32773)


@dataclass(frozen=True)
class DeepTIFF:
    """What a TIFF of 16 bits holds; Pillow opens but some of them.

    Attributes:
        samples: uint16 ``[H, W, 1 to 4]``, colour before transparency, not turned.
        icc: The embedded profile.
        orientation: EXIF's number.
        several: Whether it has more pages.
    """

    samples: NDArray[np.uint16]
    icc: bytes | None
    orientation: int
    several: bool


def deep_samples(data: bytes, image: Image.Image) -> NDArray[np.uint16] | None:
    """The samples of a PNG, PPM or JPEG 2000 of more than 8 bits; None for all other files.

    Args:
        data: The file.
        image: The file as Pillow has opened it; it is loaded but for PNG.

    Returns:
        ``[H, W, 1 to 4]``, colour before transparency, of 16 bits.

    Raises:
        PictureError: It is damaged, or has more than 8 bits in a way that is not read.
    """
    if data.startswith(PNG):
        if data[24] != 16:
            return None
        check_png(data)
        return _by_ffmpeg(data, "png")
    # FFmpeg has the bits, but bears what is cut off or damaged, and Pillow does not.
    image.load()
    if image.format == "PPM" and (found := _PPM.match(data)) is not None and int(found[1]) > 255:
        return _by_ffmpeg(data, "ppm")
    if image.format == "JPEG2000" and image.mode not in ("L", "I;16", "P"):
        bits = _component_bits(data)
        if max(bits) > 8:
            return _widened(_by_ffmpeg(data, "jpeg2000"), bits)
    if is_jxl(data) and image.mode not in ("I;16", "F") and jxl_facts(data).bits > 8:
        raise PictureError("a JPEG XL of more than 8 bits, of which its reader gives 8; save it as PNG or TIFF")
    return None


def _component_bits(data: bytes) -> list[int]:
    """Bits of each component of a JPEG 2000 (ISO/IEC 15444-1, A.5.1); 8 of one that has no such record."""
    at = data.find(_SIZ)
    if at < 0:
        return [8]
    count = int.from_bytes(data[at + 40 : at + 42], "big")
    return [(size & 127) + 1 for size in data[at + 42 :][: 3 * count : 3]] or [8]


def _widened(samples: NDArray[np.uint16], bits: list[int]) -> NDArray[np.uint16]:
    """Samples that stand at the upper end of 16 bits, so that the largest is 65535."""
    if len(set(bits)) > 1 or bits[0] > 16:
        raise PictureError(f"a JPEG 2000 of {' and '.join(map(str, sorted(set(bits))))} bits; save it as PNG or TIFF")
    least = samples.astype(np.uint32) >> (16 - bits[0])
    return (least * 65535 // ((1 << bits[0]) - 1)).astype(np.uint16)


def read_tiff(data: bytes, max_pixels: int) -> DeepTIFF | None:
    """A TIFF of 16 bits, grey or RGB; None for all other files.

    Raises:
        PictureError: It is larger than allowed, or has 16 bits or more in a way that is not read.
    """
    if data[:4] not in _TIFF:
        return None
    import tifffile

    try:
        file = tifffile.TiffFile(io.BytesIO(data))
        page: Any = file.pages[0]
    except tifffile.TiffFileError:
        # Pillow bears more, and says what it does not.
        return None
    with file:
        _refuse(page)
        check_chunks(page)
        if page.bitspersample != 16:
            return None
        check_size(page.imagewidth, page.imagelength, max_pixels)
        if page.samplesperpixel > 4 or page.size > max_pixels * page.samplesperpixel:
            raise PictureError(f"a TIFF of {page.samplesperpixel} samples a pixel and {page.size:,} samples")
        icc, orientation = (page.tags[tag].value if tag in page.tags else None for tag in (34675, 274))
        return DeepTIFF(_straight(_samples(data, page), page), icc, int(orientation or 1), _has_second(file))


def _has_second(file: Any) -> bool:
    try:
        return file.pages[1] is not None
    except Exception:  # There is none, or it is broken.
        return False


def _samples(data: bytes, page: Any) -> NDArray[np.uint16]:
    if page.compression in _FFMPEG and page.planarconfig == 1:
        # FFmpeg has the bits, but bears what is cut off or damaged, and Pillow does not.
        with Image.open(io.BytesIO(data), formats=["TIFF"]) as image:
            image.load()
        return _by_ffmpeg(data, "tiff")
    if page.compression in _TIFFFILE:
        return _by_tifffile(page)
    raise PictureError(f"a TIFF of 16 bits compressed by method {int(page.compression)}; save it with LZW or deflate")


def _by_ffmpeg(data: bytes, codec: str) -> NDArray[np.uint16]:
    """By FFmpeg; torchvision's decoder of PNG ends the process on some bytes."""
    # To be strict with TIFF's strips is to refuse all that are compressed so.
    found = frames(data, codec, "crccheck+explode" if codec == "png" else "crccheck")
    name = found[0].format.name if found else ""
    samples = _LAYOUTS.get(name[:-2])
    if samples is None:
        raise PictureError(f"a {codec.upper()} of 16 bits that holds no picture read here")
    frame = found[0]
    order = ">u2" if name.endswith("be") else "<u2"
    rows = np.frombuffer(frame.planes[0], order).reshape(frame.height, -1)[:, : frame.width * samples]
    pixels: NDArray[np.uint16] = rows.reshape(frame.height, frame.width, samples).astype(np.uint16)
    return pixels


def _refuse(page: Any) -> None:
    """Refuses what Pillow would give other values than the picture's."""
    if page.tags.get(254) is not None and page.subfiletype & 1:
        raise PictureError("its first picture is a mere preview, as in a camera's raw file")
    if page.sampleformat not in (1, 4):
        kind = "floating-point" if page.sampleformat == 3 else "signed or complex"
        raise PictureError(f"{kind} samples, whose range no rule gives; save it with 8 or 16 bits")
    if page.bitspersample > 8 and page.photometric not in (0, 1, 2):
        raise PictureError(
            f"a TIFF of {page.bitspersample} bits and colours of kind {int(page.photometric)}; save it as RGB"
        )


def _by_tifffile(page: Any) -> NDArray[np.uint16]:
    samples: NDArray[np.uint16] = page.asarray()
    if samples.ndim == 3 and page.planarconfig == 2:
        samples = samples.transpose(1, 2, 0)
    if page.photometric == 0:
        samples = 65535 - samples
    return samples[..., None] if samples.ndim == 2 else samples


def _straight(samples: NDArray[np.uint16], page: Any) -> NDArray[np.uint16]:
    """Colours that are multiplied by their transparency, divided by it."""
    colors = 3 if page.photometric == 2 else 1
    if samples.shape[2] <= colors:
        return samples
    extra = page.extrasamples[0] if page.extrasamples else 0
    if samples.shape[2] != colors + 1 or not extra:
        # A sample that is said to be no transparency.
        return samples[..., :colors]
    if extra != _PREMULTIPLIED:
        return samples
    alpha = np.maximum(samples[..., colors:], 1).astype(np.float64)
    straight = np.minimum(samples[..., :colors] * 65535.0 / alpha, 65535).round().astype(np.uint16)
    return np.concatenate((straight, samples[..., colors:]), axis=2)
