"""All bits of PNG and TIFF files of 16, of which Pillow would keep 8 where there is colour."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlic_datamodules.errors import PictureError
from dlic_datamodules.formats import check_size

__all__ = ["PNG", "DeepTIFF", "png_samples", "read_tiff"]

PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Samples a pixel of the layouts in which FFmpeg gives 16 bits.
_LAYOUTS = {"gray16": 1, "ya16": 2, "rgb48": 3, "rgba64": 4}
_PREMULTIPLIED = 1
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


def png_samples(data: bytes) -> NDArray[np.uint16] | None:
    """The samples of a PNG of 16 bits, ``[H, W, 1 to 4]``, colour before transparency; None for all other files.

    Raises:
        PictureError: It is damaged.
    """
    return _by_ffmpeg(data, "png") if data.startswith(PNG) and data[24] == 16 else None


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
    """By FFmpeg, which lives through any bytes; torchvision's decoder of PNG ends the process on some."""
    import av

    decoder: Any = av.CodecContext.create(codec, "r")
    # To be strict with TIFF's strips is to refuse all that are compressed so.
    decoder.options = {"err_detect": "crccheck" if codec == "tiff" else "crccheck+explode"}
    # With the zeros behind it that FFmpeg's readers look at; around Python's own bytes lies anything.
    packet = av.Packet(len(data))
    packet.update(data)
    frames = [*decoder.decode(packet), *decoder.decode(None)]
    name = frames[0].format.name if frames else ""
    samples = _LAYOUTS.get(name[:-2])
    if samples is None:
        raise PictureError(f"a {codec.upper()} of 16 bits that holds no picture read here")
    frame = frames[0]
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
