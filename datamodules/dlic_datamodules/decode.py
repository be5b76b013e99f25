"""One picture file's bytes to an upright 8-bit sRGB (or grey) array, whatever the file contains.

Nothing here trusts its input: formats are limited to plain raster ones (none that runs another program), the size is
checked before pixels are decoded, and whatever a decoder raises becomes one `PictureError`. Neither PyTorch nor
Lightning is imported, so that a decoding process starts in a fraction of a second.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from dlic_datamodules.errors import DataError, PictureError

__all__ = ["PICTURE_SUFFIXES", "RAW_SUFFIXES", "DecodeOptions", "decode", "probe"]

RAW_SUFFIXES = frozenset({".nef", ".nrw", ".dng", ".cr2", ".cr3", ".arw", ".raf", ".orf", ".rw2", ".pef"})
PICTURE_SUFFIXES = (
    RAW_SUFFIXES
    | {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif"}
    | {".pgm", ".ppm", ".pnm", ".pbm", ".jp2", ".j2k"}
)
_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "TIFF", "BMP", "DIB", "GIF", "PPM", "JPEG2000", "AVIF")
# A photograph has about ten scans; a hostile one of thousands takes minutes to decode.
_MAX_JPEG_SCANS = 100
_BAND = 1024
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class DecodeOptions:
    """What decoding does to a picture; part of a cache's key.

    Attributes:
        gray: One channel, full-range BT.601 luma, instead of RGB.
        downsize: Both sides are divided by this (antialiased bicubic), at least 1.
        max_pixels: A picture that declares more is refused before it is decoded.
    """

    gray: bool = False
    downsize: float = 1.0
    max_pixels: int = 1 << 26

    @property
    def channels(self) -> int:
        """1 or 3."""
        return 1 if self.gray else 3

    @property
    def max_bytes(self) -> int:
        """No sensible file of `max_pixels` pixels is larger than this."""
        return 8 * self.max_pixels + (1 << 20)

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return asdict(self)


def _formats() -> list[str]:
    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]


def _check_size(width: int, height: int, limit: int) -> None:
    if width < 1 or height < 1:
        raise PictureError(f"declares {width}x{height} pixels")
    if width * height > limit:
        raise PictureError(f"declares {width}x{height} = {width * height:,} pixels, more than max_pixels = {limit:,}")


def _open(data: bytes, options: DecodeOptions) -> Image.Image:
    if not data:
        raise PictureError("the file is empty")
    if data[:2] == b"\xff\xd8" and data.count(b"\xff\xda") > _MAX_JPEG_SCANS:
        raise PictureError(f"a JPEG of more than {_MAX_JPEG_SCANS} scans")
    image = Image.open(io.BytesIO(data), formats=_formats())
    _check_size(image.width, image.height, options.max_pixels)
    return image


def _scale_16_bit(image: Image.Image) -> Image.Image:
    """16-bit grey to 8 bit: 65535 becomes 255, where `Image.convert` would clip everything above 255 to white."""
    wide = np.asarray(image).astype(np.int64)
    if wide.min() < 0 or wide.max() > 65535:
        raise PictureError("32-bit samples, whose range no rule gives; save it with 8 or 16 bits")
    return Image.fromarray(((wide + 128) // 257).astype(np.uint8))


def _flatten(image: Image.Image) -> Image.Image:
    """Transparent parts over white."""
    image = image.convert("RGBA")
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image, mask=image.getchannel("A"))
    return white


def _plain(image: Image.Image) -> Image.Image:
    """Any mode to L, RGB or CMYK (LAB stays for colour management), transparency removed."""
    if image.mode.startswith("I"):
        return _scale_16_bit(image)
    if image.mode == "F":
        raise PictureError("floating-point samples, whose range no rule gives; save it with 8 or 16 bits")
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        return _flatten(image)
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Colours by the embedded profile; a profile that is broken or of another colour space is ignored."""
    srgb = ImageCms.createProfile("sRGB")
    if image.mode == "LAB":
        source = ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(image, source, srgb, outputMode="RGB") or image.convert("RGB")
    if not icc:
        return image
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        # Converting sRGB to sRGB would only add rounding.
        if image.mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(profile):
            return image
        converted = ImageCms.profileToProfile(
            image,
            profile,
            srgb,
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return converted or image


def _orientation(image: Image.Image) -> Image.Transpose | None:
    try:
        return _UPRIGHT.get(image.getexif().get(0x0112, 1))
    except Exception:  # A broken EXIF block says nothing about the pixels.
        return None


def _develop(data: bytes, options: DecodeOptions) -> Image.Image:
    """A camera's raw file by LibRaw: camera white balance, sRGB, upright."""
    try:
        import rawpy
    except ImportError:
        raise DataError(
            "camera raw files need the package rawpy, which is not installed.\n"
            "Install it with: pip install 'lightning-dlic[raw]'"
        ) from None
    with rawpy.imread(io.BytesIO(data)) as raw:
        _check_size(raw.sizes.raw_width, raw.sizes.raw_height, options.max_pixels)
        return Image.fromarray(raw.postprocess(use_camera_wb=True, output_bps=8))


def _upright_srgb(data: bytes, options: DecodeOptions) -> Image.Image:
    image = _open(data, options)
    image.load()
    turn = _orientation(image)
    icc = image.info.get("icc_profile")
    image = _to_srgb(_plain(image), icc)
    return image if turn is None else image.transpose(turn)


def _shrunk(size: tuple[int, int], factor: float) -> tuple[int, int]:
    return max(1, round(size[0] / factor)), max(1, round(size[1] / factor))


def _decode(data: bytes, options: DecodeOptions, raw: bool) -> NDArray[np.uint8]:
    image = _develop(data, options) if raw else _upright_srgb(data, options)
    mode = "L" if options.gray else "RGB"
    image = image if image.mode == mode else image.convert(mode)
    if options.downsize != 1:
        image = image.resize(_shrunk(image.size, options.downsize), Image.Resampling.BICUBIC)
    planes = np.empty((options.channels, image.height, image.width), np.uint8)
    # Band by band: Pillow hands out pixels as copies of copies, which a large picture would not fit into memory with.
    for top in range(0, image.height, _BAND):
        bottom = min(top + _BAND, image.height)
        band = np.asarray(image.crop((0, top, image.width, bottom)))
        planes[:, top:bottom] = band[None] if options.gray else band.transpose(2, 0, 1)
    return planes


def _probe(data: bytes, options: DecodeOptions, raw: bool) -> tuple[int, int]:
    if raw:
        return _decode(data, options, raw).shape[2:0:-1]
    with _open(data, options) as image:
        return _shrunk(image.size, options.downsize)


def _guarded(function: Any, data: bytes, options: DecodeOptions, raw: bool) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(data, options, raw)
    except (PictureError, DataError):
        raise
    except UnidentifiedImageError:
        raise PictureError("not a picture in any format read here") from None
    except MemoryError:
        raise PictureError("needs too much memory") from None
    except Image.DecompressionBombError as error:
        limit = options.max_pixels
        known = "" if limit < (Image.MAX_IMAGE_PIXELS or limit) else f" (Pillow itself refuses: {error})"
        raise PictureError(f"declares far more than max_pixels = {limit:,}{known}") from None
    except Exception as error:  # Decoders raise anything at all on hostile bytes.
        text = " ".join(str(error).split())[:200]
        raise PictureError(f"cannot be decoded: {text or type(error).__name__}") from error


def decode(data: bytes, options: DecodeOptions | None = None, *, raw: bool = False) -> NDArray[np.uint8]:
    """Decodes a picture.

    The first frame of an animation is taken, EXIF orientation is applied, colours are converted to sRGB by an embedded
    ICC profile, 16-bit grey is scaled (16-bit colour arrives by its high byte), transparency is laid over white.

    Args:
        data: The file's bytes.
        options: See `DecodeOptions`.
        raw: The bytes are a camera's raw file (NEF, DNG, ...); needs the extra ``raw``.

    Returns:
        Contiguous uint8 ``[3 or 1, H, W]``, 0 to 255.

    Raises:
        PictureError: The bytes give no picture within the limits; its `reason` says why.
        DataError: A raw file without the package that reads it.
    """
    pixels: NDArray[np.uint8] = _guarded(_decode, data, options or DecodeOptions(), raw)
    return pixels


def probe(data: bytes, options: DecodeOptions | None = None, *, raw: bool = False) -> tuple[int, int]:
    """Width and height (either way round) that `decode` would give, from the header alone where the format has one.

    Raises:
        PictureError: As `decode`.
    """
    size: tuple[int, int] = _guarded(_probe, data, options or DecodeOptions(), raw)
    return size
