"""The one reader of picture files: 8 or 16 bits, upright, with transparency and the colours' profile.

Nothing here trusts its input: formats are those of `formats`, sizes are checked before pixels are decoded, and
whatever a decoder raises becomes one `PictureError`. Neither PyTorch nor Lightning is imported.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlic_datamodules.complete import check_rows
from dlic_datamodules.deep import PNG, deep_samples, read_tiff
from dlic_datamodules.errors import PictureError
from dlic_datamodules.files import read_all
from dlic_datamodules.formats import MAX_PIXELS, RAW_SUFFIXES, check_size, guarded, is_jxl, needs, open_image
from dlic_datamodules.implied import code_points, implied_profile, passed_over_profile
from dlic_datamodules.jxl_header import jxl_facts
from dlic_datamodules.profiles import (
    ProfileError,
    Samples,
    bands,
    cmyk_to_rgb,
    converter,
    lab_to_rgb,
    to_8,
)

__all__ = [
    "MOST_BYTES",
    "Picture",
    "flat_rgb",
    "picture_size",
    "read_image",
    "read_picture",
    "read_picture_file",
    "to_srgb",
]

U8 = NDArray[np.uint8]
MOST_BYTES = 1 << 31
"""Of a file that is read as a picture: 2^28 pixels of the largest kind, not packed."""
_GREY = ("1", "L", "LA", "La")
_SEVERAL = "has several frames or pages, of which the first is taken"
_TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")


@dataclass(frozen=True)
class Picture:
    """A picture as its file holds it, upright.

    Attributes:
        pixels: uint8 or uint16 ``[H, W, C]``; C is 1 (grey) or 3 (RGB).
        alpha: ``[H, W]`` of the same type, or None where the file has no transparency.
        icc: The colours' profile, embedded or implied by the file; None means sRGB.
        notes: What a user should know: other frames are left out, a profile cannot be used.
    """

    pixels: Samples
    alpha: Samples | None = None
    icc: bytes | None = None
    notes: tuple[str, ...] = ()

    @property
    def deep(self) -> bool:
        """Whether it has 16 bits a sample."""
        return self.pixels.dtype == np.uint16


def read_picture_file(path: Path, max_pixels: int = MAX_PIXELS) -> Picture:
    """Reads a picture file; cameras' raw files are told by their suffix.

    Args:
        path: The file.
        max_pixels: A picture that declares more is refused before it is decoded.

    Raises:
        PictureError: The file is missing, or no picture within the limits; the message names it.
        DataError: The package that reads the format is not installed.
    """
    try:
        data = read_all(path, MOST_BYTES)
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise PictureError(reason, str(path)) from error
    try:
        return read_picture(data, max_pixels, raw=path.suffix.lower() in RAW_SUFFIXES)
    except PictureError as error:
        raise PictureError(error.reason, str(path)) from error


def read_picture(data: bytes, max_pixels: int = MAX_PIXELS, *, raw: bool = False) -> Picture:
    """Reads a picture of 8 or 16 bits, grey or RGB, with transparency.

    The first frame of several is taken, EXIF orientation is applied, palettes become RGB, CMYK and CIELAB become sRGB.

    Args:
        data: The file's bytes.
        max_pixels: A picture that declares more is refused before it is decoded.
        raw: The bytes are a camera's raw file (NEF, DNG, ...); needs the extra ``raw``.

    Raises:
        PictureError: The bytes give no picture within the limits, or one whose samples have no known range: floating
            point, 32 bits, high dynamic range.
        DataError: The package that reads the format is not installed.
    """
    with guarded(max_pixels):
        return Picture(_develop(data, max_pixels)) if raw else _read(data, max_pixels)


def picture_size(data: bytes, max_pixels: int = MAX_PIXELS, *, raw: bool = False) -> tuple[int, int]:
    """Width and height (either way round), from the header alone where the format has one.

    Raises:
        PictureError: As `read_picture`.
        DataError: As `read_picture`.
    """
    with guarded(max_pixels):
        if raw:
            height, width = _develop(data, max_pixels).shape[:2]
            return width, height
        with open_image(data, max_pixels) as image:
            return image.size


def _read(data: bytes, max_pixels: int) -> Picture:
    tiff = read_tiff(data, max_pixels)
    if tiff is not None:
        picture = replace(_split(tiff.samples), icc=tiff.icc or None, notes=(_SEVERAL,) * tiff.several)
        return _upright(picture, tiff.orientation)
    with open_image(data, max_pixels) as image:
        notes = (_SEVERAL,) * _has_several(image, data)
        samples = deep_samples(data, image)
        if samples is None:
            image.load()
            check_rows(image, data)
            _scale_key(image, data)
        picture = _from_image(image, _bits(image)) if samples is None else _split(samples)
        return _finish(picture, image, data, notes)


def _scale_key(image: Image.Image, data: bytes) -> None:
    """Scales a PNG's transparent grey of fewer than 8 bits as Pillow scales the samples, but not this."""
    key = image.info.get("transparency")
    if data.startswith(PNG) and image.mode == "L" and isinstance(key, int) and data[24] < 8:
        image.info["transparency"] = key * 255 // ((1 << data[24]) - 1)


def read_image(image: Image.Image) -> Picture:
    """A picture that Pillow has opened, as `read_picture` gives files, but for what Pillow drops of 16-bit colour.

    Raises:
        PictureError: As `read_picture`.
    """
    with guarded(image.width * image.height):
        image.load()
        return _finish(_from_image(image, _bits(image)), image, b"", ())


def _finish(picture: Picture, image: Image.Image, data: bytes, notes: tuple[str, ...]) -> Picture:
    """Adds the profile, and turns it upright."""
    icc, note = None, None
    # Of other modes the colours are sRGB by now.
    if image.mode not in ("CMYK", "LAB"):
        icc, note = _profile(data, image, picture.pixels.shape[2] == 1)
    picture = replace(picture, icc=icc, notes=(*notes, *picture.notes, *([note] if note else [])))
    return _upright(picture, _orientation(image))


def _has_several(image: Image.Image, data: bytes) -> bool:
    if is_jxl(data):
        # What reads it knows of its first frame alone.
        return jxl_facts(data).animated
    try:
        several = bool(getattr(image, "is_animated", False))
        image.seek(0)
    except Exception:  # What follows the first frame may be broken.
        return False
    return several


def _bits(image: Image.Image) -> int:
    """Significant bits of a grey sample that Pillow gives in 16."""
    tags = getattr(image, "tag_v2", None)
    return int(tags.get(258, (16,))[0]) if tags is not None else 16


def _profile(data: bytes, image: Image.Image, grey: bool) -> tuple[bytes | None, str | None]:
    points = code_points(data)
    coded = points is not None and (data.startswith(PNG) or points[1] in (16, 18))
    icc = image.info.get("icc_profile") or passed_over_profile(data)
    if not coded and isinstance(icc, bytes) and icc:
        return icc, None
    return implied_profile(data, image, grey)


def _from_image(image: Image.Image, bits: int) -> Picture:
    """What a Pillow image holds; ``bits`` are the significant ones of 16-bit grey samples."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        wide = np.asarray(image).astype(np.uint32)
        return Picture((wide * 65535 // ((1 << bits) - 1)).astype(np.uint16)[..., None])
    if image.mode in ("I", "F"):
        kind = "floating-point" if image.mode == "F" else "32-bit"
        raise PictureError(f"{kind} samples, whose range no rule gives; save it with 8 or 16 bits")
    if image.mode == "CMYK":
        colors, note = cmyk_to_rgb(image, image.info.get("icc_profile"))
        return Picture(colors, notes=(note,) if note else ())
    if image.mode == "LAB":
        return Picture(lab_to_rgb(image))
    transparent = image.mode in _TRANSPARENT or image.has_transparency_data
    return _split(_samples(image, ("L" if image.mode in _GREY else "RGB") + "A" * transparent))


def _samples(image: Image.Image, mode: str) -> U8:
    """Pixels, band by band: Pillow hands them out as copies of copies, which a large picture has no memory for."""
    made = np.empty((image.height, image.width, len(mode)), np.uint8)
    for rows in bands(image.height, image.width):
        band = image.crop((0, rows.start, image.width, rows.stop))
        if band.mode != mode:
            # Premultiplied colours have but one way out.
            band = band.convert({"La": "LA", "RGBa": "RGBA"}.get(band.mode, mode)).convert(mode)
        made[rows] = np.asarray(band).reshape(band.height, band.width, len(mode))
    return made


def _split(samples: NDArray[Any]) -> Picture:
    """Colour and transparency of ``[H, W, 1 to 4]``."""
    colors = 1 if samples.shape[2] < 3 else 3
    return Picture(samples[..., :colors], samples[..., colors] if samples.shape[2] > colors else None)


def _orientation(image: Image.Image) -> int:
    if image.format == "JXL" and not getattr(image, "jpeg", None):
        # Its pixels come upright, and what its EXIF says does not count (ISO/IEC 18181-2), but for a JPEG in it.
        return 1
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # A broken EXIF block says nothing about the pixels.
        return 1


def _upright(picture: Picture, orientation: int) -> Picture:
    if orientation not in range(2, 9):
        return picture

    def turn(plane: Any) -> Any:
        plane = plane.swapaxes(0, 1) if orientation >= 5 else plane
        if orientation in (3, 4, 7, 8):
            plane = plane[::-1]
        return plane[:, ::-1] if orientation in (2, 3, 6, 7) else plane

    return replace(picture, pixels=turn(picture.pixels), alpha=None if picture.alpha is None else turn(picture.alpha))


def _develop(data: bytes, max_pixels: int) -> U8:
    """A camera's raw file by LibRaw: camera white balance, sRGB, upright."""
    try:
        import rawpy
    except ImportError:
        raise needs("camera raw files", "rawpy", "raw") from None
    with rawpy.imread(io.BytesIO(data)) as raw:
        check_size(raw.sizes.raw_width, raw.sizes.raw_height, max_pixels)
        developed: U8 = raw.postprocess(use_camera_wb=True, output_bps=8)
    return developed


def to_srgb(picture: Picture) -> Picture:
    """The picture with 8 bits and in sRGB; a profile that cannot be used is ignored, which its notes say.

    Raises:
        PictureError: Its profile is one of high dynamic range.
    """
    convert, notes = None, picture.notes
    if picture.icc is not None:
        try:
            convert = converter(picture.icc, "L" if picture.pixels.shape[2] == 1 else "RGB")
        except ProfileError as error:
            notes = (*notes, str(error))
    alpha = None if picture.alpha is None else _in_bands(picture.alpha[..., None], to_8)[..., 0]
    return Picture(_in_bands(picture.pixels, convert or to_8), alpha, None, notes)


def _in_bands(samples: Samples, change: Any) -> U8:
    if samples.dtype == np.uint8 and (change is to_8 or change.identical):
        return to_8(samples)
    made = np.empty(samples.shape, np.uint8)
    for rows in bands(*samples.shape[:2]):
        made[rows] = change(samples[rows])
    return made


def flat_rgb(picture: Picture) -> U8:
    """A picture of 8 bits laid over white: uint8 ``[H, W, C]``, which may share memory with it."""
    pixels = to_8(picture.pixels)
    if picture.alpha is None:
        return pixels
    made = np.empty(pixels.shape, np.uint8)
    for rows in bands(*pixels.shape[:2]):
        weight = to_8(picture.alpha[rows])[..., None].astype(np.uint32)
        made[rows] = (pixels[rows] * weight + 255 * (255 - weight) + 127) // 255
    return made
