"""Which picture formats are read, by which suffixes they are told, and how large a picture may be.

The one list for compression, data sets, measuring and enlarging. All are plain raster formats: none runs another
program, as PostScript would.
"""

from __future__ import annotations

import contextlib
import io
import logging
import struct
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

from PIL import Image, UnidentifiedImageError

from dlic_datamodules.errors import DataError, PictureError
from dlic_datamodules.jxl_header import CODESTREAM, CONTAINER, jxl_facts

__all__ = ["MAX_PIXELS", "PICTURE_SUFFIXES", "RAW_SUFFIXES", "check_size", "guarded", "is_jxl", "needs", "open_image"]

# They log what is odd in a file, which Python prints where nobody listens.
for _library in ("PIL", "tifffile"):
    logging.getLogger(_library).addHandler(logging.NullHandler())

MAX_PIXELS = 1 << 28
"""Pixels of the largest picture that is read, unless a caller says otherwise."""

RAW_SUFFIXES = frozenset({".nef", ".nrw", ".dng", ".cr2", ".cr3", ".arw", ".raf", ".orf", ".rw2", ".pef"})
"""Of cameras' raw files, which LibRaw develops."""

_FORMATS = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".mpo",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "DIB": (".dib",),
    "GIF": (".gif",),
    "PPM": (".pgm", ".ppm", ".pnm", ".pbm", ".pfm"),
    "JPEG2000": (".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc"),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif", ".hif"),
    "JXL": (".jxl",),
}
PICTURE_SUFFIXES = RAW_SUFFIXES.union(*_FORMATS.values())
"""Of all files that count as pictures where a folder is searched, in lower case."""

# Of decoders that took a damaged file at its word.
_SLIPS = (LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, struct.error)
# A photograph has about ten scans; a hostile one of thousands takes minutes to decode.
_MAX_JPEG_SCANS = 100
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_JXL = (CODESTREAM, CONTAINER)


@dataclass(frozen=True)
class _Plugin:
    """A package that adds a format to Pillow."""

    words: str
    package: str
    extra: str
    module: str


_HEIF_PLUGIN = _Plugin("HEIC pictures", "pillow-heif", "heic", "pillow_heif")
_JXL_PLUGIN = _Plugin("JPEG XL pictures", "pillow-jxl-plugin", "jxl", "pillow_jxl")


def needs(words: str, package: str, extra: str) -> DataError:
    """The error that a package is missing; it names the extra that brings it."""
    return DataError(
        f"{words} need the package {package}, which is not installed.\n"
        f"Install it with: pip install 'lightning-dlic[{extra}]'"
    )


def check_size(width: int, height: int, limit: int) -> None:
    """Refuses a picture without pixels, or with more than the limit."""
    if width < 1 or height < 1:
        raise PictureError(f"declares {width}x{height} pixels")
    if width * height > limit:
        raise PictureError(f"declares {width}x{height} = {width * height:,} pixels, more than max_pixels = {limit:,}")


def open_image(data: bytes, max_pixels: int) -> Image.Image:
    """Opens a picture file in one of the formats above; no pixels are decoded yet.

    Args:
        data: The file's bytes.
        max_pixels: A picture that declares more is refused.

    Raises:
        PictureError: The bytes are no picture, or too large a one.
        DataError: The package that reads the format is not installed.
    """
    if not data:
        raise PictureError("the file is empty")
    if data[:2] == b"\xff\xd8" and data.count(b"\xff\xda") > _MAX_JPEG_SCANS:
        raise PictureError(f"a JPEG of more than {_MAX_JPEG_SCANS} scans")
    if is_jxl(data):
        # What reads it decodes when it opens.
        check_size(*jxl_facts(data).size, max_pixels)
    _plug_in(data)
    Image.init()
    image = Image.open(io.BytesIO(data), formats=[name for name in _FORMATS if name in Image.OPEN])
    check_size(image.width, image.height, max_pixels)
    return image


def is_jxl(data: bytes) -> bool:
    """Whether a file begins as a JPEG XL does."""
    return data.startswith(_JXL)


def _plug_in(data: bytes) -> None:
    """Imports what reads a format that Pillow alone does not, when first such a file is met."""
    if is_jxl(data):
        plugin, name = _JXL_PLUGIN, "JXL"
    elif data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS and b"avif" not in data[8:64]:
        plugin, name = _HEIF_PLUGIN, "HEIF"
    else:
        return
    try:
        module = import_module(plugin.module)
    except ImportError:
        raise needs(plugin.words, plugin.package, plugin.extra) from None
    if name == "HEIF" and name not in Image.OPEN:
        module.register_heif_opener()


class _Ceiling:
    """Pillow's own limit, lifted to ours while a picture is read and put back after."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.active: list[int] = []
        self.own: int | None = None

    @contextlib.contextmanager
    def lifted(self, limit: int) -> Iterator[None]:
        with self.lock:
            if not self.active:
                self.own = Image.MAX_IMAGE_PIXELS
            self.active.append(limit)
            self._apply()
        try:
            yield
        finally:
            with self.lock:
                self.active.remove(limit)
                self._apply()

    def _apply(self) -> None:
        # Pillow warns from its limit on and refuses from twice its limit on.
        Image.MAX_IMAGE_PIXELS = max(self.active) // 2 + 1 if self.active else self.own


_CEILING = _Ceiling()


@contextlib.contextmanager
def guarded(max_pixels: int) -> Iterator[None]:
    """Turns whatever a decoder raises into one `PictureError`, keeps its warnings quiet, lifts Pillow's limit to ours.

    Args:
        max_pixels: The caller's limit.
    """
    try:
        with warnings.catch_warnings(), _CEILING.lifted(max(max_pixels, MAX_PIXELS)):
            warnings.simplefilter("ignore")
            yield
    except (PictureError, DataError):
        raise
    except UnidentifiedImageError:
        raise PictureError("not a picture in any format read here") from None
    except MemoryError:
        raise PictureError("needs too much memory") from None
    except Image.DecompressionBombError:
        raise PictureError(f"declares far more than max_pixels = {max_pixels:,}") from None
    except Exception as error:  # Decoders raise anything at all on hostile bytes.
        raise PictureError(f"cannot be decoded: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What a decoder says, where it says something of the file rather than of itself."""
    text = getattr(error, "strerror", None) or " ".join(str(error).split())
    if isinstance(error, _SLIPS) or not text:
        return "what it holds is not what it should"
    return text.split(". ")[0][:200]
