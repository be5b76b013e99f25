"""The one writer of picture files: 16 bits, transparency and the profile wherever the format keeps them."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlic_datamodules.errors import PictureError
from dlic_datamodules.files import write_file
from dlic_datamodules.formats import needs
from dlic_datamodules.pictures import Picture, flat_rgb
from dlic_datamodules.png import png_of_strips
from dlic_datamodules.profiles import to_8

__all__ = ["WRITABLE", "encode_picture", "picture_form", "write_picture"]


@dataclass(frozen=True)
class _Form:
    """How a format is written, near enough to lossless where it must lose, and what it keeps.

    Attributes:
        name: Pillow's name.
        options: Pillow's options.
        alpha: Whether it keeps transparency.
        deep: Whether it keeps 16 bits.
        lossy: Whether it takes a quality.
        profile: Whether it keeps a profile.
        longest: Pixels of the longest side it can hold.
    """

    name: str
    options: dict[str, Any]
    alpha: bool = False
    deep: bool = False
    lossy: bool = False
    profile: bool = True
    longest: int = 1 << 31


_ROWS = 64
_TIFF = _Form("TIFF", {"compression": "tiff_adobe_deflate"}, alpha=True, deep=True)
_JPEG = _Form("JPEG", {"quality": 95, "subsampling": 0}, lossy=True, longest=65500)
_FORMS = {
    ".png": _Form("PNG", {"compress_level": 4}, alpha=True, deep=True),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".webp": _Form("WEBP", {"quality": 95}, alpha=True, lossy=True, longest=16383),
    ".avif": _Form("AVIF", {"quality": 90, "subsampling": "4:4:4"}, alpha=True, lossy=True, longest=65536),
    ".jxl": _Form("JXL", {"quality": 95}, alpha=True, lossy=True, profile=False),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".jpe": _JPEG,
    ".jfif": _JPEG,
    ".bmp": _Form("BMP", {}, profile=False),
    ".ppm": _Form("PPM", {}, profile=False),
    ".pgm": _Form("PPM", {}, profile=False),
    ".pnm": _Form("PPM", {}, profile=False),
}
WRITABLE = tuple(_FORMS)
"""Suffixes of the formats that are written, in lower case."""


def picture_form(path: str | Path, quality: int | None = None) -> str:
    """The suffix that says how a picture is written.

    Args:
        path: The file to write.
        quality: The quality asked for, or None.

    Raises:
        PictureError: The suffix names no format that is written here, or one that has no quality.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMS:
        said = f"not {suffix}" if suffix else "and this name has no ending"
        raise PictureError(f"pictures are written as {', '.join(WRITABLE)}, {said}", str(path))
    if quality is not None and not _FORMS[suffix].lossy:
        lossy = ", ".join(name for name, form in _FORMS.items() if form.lossy)
        raise PictureError(f"{suffix} is lossless and has no quality; {lossy} have", str(path))
    return suffix


def write_picture(path: Path, picture: Picture, quality: int | None = None) -> list[str]:
    """Writes a picture in the format of the file's suffix, whole or not at all.

    Args:
        path: The file; its folder must exist.
        picture: The picture.
        quality: 1 to 100, for formats that lose; near enough to lossless by default. Colour is never subsampled in
            JPEG and AVIF.

    Returns:
        What the format could not keep, in words: 16 bits, transparency, the profile. Transparent parts are then laid
        over white.

    Raises:
        DlicError: The suffix names no format that is written here, or the file cannot be written.
    """
    suffix = picture_form(path, quality)
    picture, lost = _fit(picture, _FORMS[suffix])
    try:
        data = encode_picture(picture, suffix, quality)
    except PictureError as error:
        raise PictureError(error.reason, str(path)) from error
    write_file(path, data)
    return lost


def _fit(picture: Picture, form: _Form) -> tuple[Picture, list[str]]:
    """The nearest thing to a picture that a format can hold, and what is lost."""
    lost = []
    if picture.deep and not form.deep:
        lost.append("16 bits")
        alpha = picture.alpha
        picture = replace(picture, pixels=to_8(picture.pixels), alpha=None if alpha is None else to_8(alpha))
    if picture.alpha is not None and not form.alpha:
        lost.append("transparency")
        picture = replace(picture, pixels=flat_rgb(picture), alpha=None)
    if picture.icc is not None and not form.profile:
        lost.append("the colour profile")
        picture = replace(picture, icc=None)
    return picture, lost


def encode_picture(picture: Picture, suffix: str, quality: int | None = None) -> memoryview:
    """The bytes of a picture file.

    Args:
        picture: What the format can hold.
        suffix: Of the format, one of `WRITABLE`.
        quality: As in `write_picture`.

    Raises:
        PictureError: The format cannot hold it, or its package is not installed.
    """
    form, out = _FORMS[suffix], io.BytesIO()
    longest = max(picture.pixels.shape[:2])
    if longest > form.longest:
        raise PictureError(f"{form.name} holds sides of at most {form.longest}, not {longest}; use .png")
    samples: NDArray[Any] = picture.pixels
    if picture.alpha is not None:
        samples = np.concatenate((samples, picture.alpha[..., None]), axis=2)
    if picture.deep:
        (_write_png16 if suffix == ".png" else _write_tiff16)(out, samples, picture)
        return out.getbuffer()
    options = form.options | ({} if quality is None else {"quality": quality})
    if form.name == "JXL" and quality == 100:
        options["lossless"] = True
    if form.profile and picture.icc:
        options["icc_profile"] = picture.icc
    try:
        _plug_in(form.name)
        samples = np.ascontiguousarray(samples[..., 0] if samples.shape[2] == 1 else samples)
        Image.fromarray(samples).save(out, form.name, **options)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise PictureError(f"cannot be written as {form.name} ({error}); use .png") from error
    return out.getbuffer()


def _plug_in(name: str) -> None:
    if name == "JXL":
        try:
            import pillow_jxl  # noqa: F401
        except ImportError:
            raise needs("JPEG XL pictures", "pillow-jxl-plugin", "jxl") from None


def _write_tiff16(out: BinaryIO, samples: NDArray[Any], picture: Picture) -> None:
    import tifffile

    tifffile.imwrite(
        out,
        samples[..., 0] if samples.shape[2] == 1 else samples,
        photometric="rgb" if samples.shape[2] > 2 else "minisblack",
        planarconfig="contig" if samples.shape[2] > 1 else None,
        extrasamples=["unassalpha"] if picture.alpha is not None else None,
        iccprofile=picture.icc,
        compression="zlib",
        predictor=True,
    )


def _write_png16(out: BinaryIO, samples: NDArray[Any], picture: Picture) -> None:
    """A 16-bit PNG, in strips: the differences from the row above must not need all memory again."""
    height, width, channels = samples.shape
    strips = (samples[start : start + _ROWS] for start in range(0, height, _ROWS))
    out.write(png_of_strips((height, width), channels, strips, picture.icc))
