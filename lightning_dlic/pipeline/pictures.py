"""Pictures in and out: upright, 8 bits, sRGB, without anything but pixels."""

from __future__ import annotations

import io
import sys
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from dlic_registry import DlicError
from lightning_dlic.imaging.numpy.color import luma
from lightning_dlic.pipeline.files import write_atomically

U8 = NDArray[np.uint8]
MAX_PIXELS = 1 << 28
STANDARD = "-"
_DEEP = ("I", "I;16", "I;16L", "I;16B", "F")


class PictureError(DlicError):
    """A picture that cannot be read, or must not be coded as it is."""


def load_picture(source: str | Path | BinaryIO, *, alpha: str = "flatten", gray: bool = False) -> U8:
    """Reads a picture.

    EXIF's orientation and an embedded colour profile are applied; all metadata is dropped.

    Args:
        source: A file, or ``-`` for standard input.
        alpha: What to do with transparency: ``flatten`` puts the picture on white and warns, ``refuse`` is an error.
        gray: Whether to take a colour picture's luma only.

    Returns:
        uint8 ``[H, W, 3]``, or ``[H, W]`` where the picture is grey, also if it is stored as colour.

    Raises:
        PictureError: The file is no picture, has more than 2^28 pixels, or is transparent and ``alpha`` refuses that.
    """
    name = "standard input" if source == STANDARD else str(getattr(source, "name", source))
    file = io.BytesIO(sys.stdin.buffer.read()) if source == STANDARD else source
    try:
        with warnings.catch_warnings():
            # Our own limit is higher than the one from which Pillow warns.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise PictureError(f"{name}: {image.width}x{image.height} is more than {MAX_PIXELS} pixels")
                upright = ImageOps.exif_transpose(image)
                return _pixels(upright, name, alpha, gray)
    except FileNotFoundError as error:
        raise PictureError(f"{name}: no such file") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureError(f"{name}: not a picture that can be read ({error})") from error


def _pixels(image: Image.Image, name: str, alpha: str, gray: bool) -> U8:
    if image.mode in _DEEP:
        image = _shallow(image)
    if image.has_transparency_data:
        image = _flatten(image, name, alpha)
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))
    rgb = np.asarray(_standard_colors(image))
    return luma(rgb) if gray or _is_gray(rgb) else rgb


def _is_gray(rgb: U8) -> bool:
    return all(np.array_equal(rgb[..., 0], rgb[..., index]) for index in (1, 2))


def _shallow(image: Image.Image) -> Image.Image:
    """16 bits to 8; floats are taken as 0 to 1."""
    samples = np.asarray(image)
    if image.mode == "F":
        return Image.fromarray((np.clip(np.nan_to_num(samples), 0, 1) * 255 + 0.5).astype(np.uint8))
    return Image.fromarray(((np.clip(samples, 0, 65535).astype(np.int64) * 255 + 32767) // 65535).astype(np.uint8))


def _flatten(image: Image.Image, name: str, alpha: str) -> Image.Image:
    layered = image.convert("RGBA")
    if layered.getchannel("A").getextrema() == (255, 255):
        return layered.convert("RGB")
    if alpha == "refuse":
        raise PictureError(f"{name}: has transparency, which a bitstream does not keep. Use --alpha flatten.")
    warnings.warn(f"{name}: transparency is flattened on white", stacklevel=2)
    white = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(white, layered).convert("RGB")


def _standard_colors(image: Image.Image) -> Image.Image:
    """Colours in sRGB by the embedded profile; a profile that cannot be used is ignored."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None
        if converted is not None:
            return converted
    return image.convert("RGB")


def save_picture(picture: U8, target: str | Path) -> None:
    """Writes a picture, whole or not at all, in the format that the name's ending says; PNG to standard output.

    Raises:
        PictureError: The ending names no format, or the file cannot be written.
    """
    image, out = Image.fromarray(picture), io.BytesIO()
    if target == STANDARD:
        image.save(out, "PNG")
        sys.stdout.buffer.write(out.getvalue())
        return
    kind = Image.registered_extensions().get(Path(target).suffix.lower())
    if kind is None or kind not in Image.SAVE:
        raise PictureError(f"{target}: its ending names no picture format; use .png")
    try:
        image.save(out, kind)
    except (OSError, ValueError, KeyError) as error:
        raise PictureError(f"{target}: cannot be written as {kind} ({error}); use .png") from error
    write_atomically(Path(target), out.getvalue())
