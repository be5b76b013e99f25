"""Pictures as the codec takes and gives them: upright, 8 bits, sRGB, without anything but pixels."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlic_datamodules.errors import PictureError
from dlic_datamodules.files import read_all, write_file
from dlic_datamodules.picture_writer import encode_picture, picture_form, write_picture
from dlic_datamodules.pictures import (
    MOST_BYTES,
    Picture,
    flat_rgb,
    read_image,
    read_picture,
    read_picture_file,
    to_srgb,
)
from dlic_datamodules.png import png_of_strips
from lightning_dlic.imaging.numpy.color import luma
from lightning_dlic.pipeline.strips import Strips

U8 = NDArray[np.uint8]
STANDARD = "-"
# Pixels from which a picture is written as it is made, and how it is packed then.
_LARGE, _LEVEL = 1 << 24, 3


def load_picture(
    source: str | Path | BinaryIO | Image.Image, *, transparency: str = "flatten", gray: bool = False
) -> U8:
    """Reads a picture.

    EXIF's orientation and the colours' profile are applied; all metadata is dropped.

    Args:
        source: A file, ``-`` for standard input, or an image of Pillow's.
        transparency: What becomes of it: ``flatten`` puts the picture on white and warns, ``refuse`` is an error.
        gray: Whether to take a colour picture's luma only.

    Returns:
        uint8 ``[H, W, 3]``, or ``[H, W]`` where the picture is grey, also if it is stored as colour.

    Raises:
        PictureError: The file is no picture, has more than 2^28 pixels, or is transparent and that is refused.
        DataError: The package that reads the format is not installed.
    """
    name = _name(source)
    try:
        picture = to_srgb(_read(source))
    except PictureError as error:
        raise error if str(error).startswith(name) else PictureError(error.reason, name) from error
    for note in picture.notes:
        warnings.warn(f"{name}: {note}", stacklevel=2)
    if picture.alpha is not None and picture.alpha.min() < 255:
        if transparency == "refuse":
            raise PictureError("has transparency, which a bitstream does not keep. Use --transparency flatten.", name)
        warnings.warn(f"{name}: transparency is flattened on white", stacklevel=2)
    pixels = flat_rgb(picture)
    if pixels.shape[2] == 1:
        return np.ascontiguousarray(pixels[..., 0])
    return luma(pixels) if gray or _is_gray(pixels) else np.ascontiguousarray(pixels)


def _name(source: object) -> str:
    if source == STANDARD:
        return "standard input"
    if isinstance(source, str | Path):
        return str(source)
    return str(getattr(source, "filename", "") or getattr(source, "name", "") or "the picture")


def _read(source: str | Path | BinaryIO | Image.Image) -> Picture:
    if isinstance(source, Image.Image):
        return read_image(source)
    if source == STANDARD:
        try:
            data = read_all(sys.stdin.buffer, MOST_BYTES)
        except OSError as error:
            raise PictureError(f"cannot be read ({error.strerror})") from error
        return read_picture(data)
    if isinstance(source, str | Path):
        return read_picture_file(Path(source))
    return read_picture(source.read())


def _is_gray(rgb: U8) -> bool:
    return all(np.array_equal(rgb[..., 0], rgb[..., index]) for index in (1, 2))


def save_picture(picture: U8, target: str | Path, quality: int | None = None) -> None:
    """Writes a picture, whole or not at all, in the format that the name's ending says; PNG to standard output.

    Args:
        picture: uint8 ``[H, W, 3]`` or ``[H, W]``.
        target: The file, or ``-``.
        quality: 1 to 100, for formats that lose; near enough to lossless by default.

    Raises:
        DlicError: The ending names no format, or the file cannot be written.
    """
    made = Picture(picture[..., None] if picture.ndim == 2 else picture)
    if target == STANDARD:
        sys.stdout.buffer.write(encode_picture(made, ".png"))
    else:
        write_picture(Path(target), made, quality)


def save_strips(strips: Strips, target: str | Path, quality: int | None = None) -> None:
    """As `save_picture`, of a picture that comes in strips; a large PNG never needs the whole picture in memory."""
    name = "standard output.png" if target == STANDARD else target
    if strips.height * strips.width <= _LARGE or picture_form(name, quality) != ".png":
        save_picture(strips.whole(), target, quality)
        return
    data = png_of_strips((strips.height, strips.width), 3 if strips.color else 1, strips.parts, level=_LEVEL)
    if target == STANDARD:
        sys.stdout.buffer.write(data)
    else:
        write_file(target, data)
