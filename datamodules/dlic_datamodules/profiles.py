"""Colours of 8 or 16 bits to sRGB, by the profile that a file embeds or implies."""

from __future__ import annotations

import io
import itertools
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from dlic_datamodules.errors import PictureError

__all__ = ["Converter", "ProfileError", "bands", "converter", "to_8"]

U8 = NDArray[np.uint8]
Samples = NDArray[np.uint8] | NDArray[np.uint16]
_BAND = 1 << 20
_HDR = (16, 18)


class ProfileError(Exception):
    """A profile that cannot be used for a picture."""


def bands(height: int, width: int) -> list[slice]:
    """Rows in groups of about a megapixel, so that working on a large picture takes little memory beside it."""
    step = max(1, _BAND // max(1, width))
    return [slice(top, min(top + step, height)) for top in range(0, height, step)]


def to_8(samples: Samples) -> U8:
    """16 bits to 8: 65535 becomes 255, rounded to nearest."""
    if samples.dtype == np.uint8:
        return samples.astype(np.uint8, copy=False)
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


class Converter:
    """From a profile's colours to sRGB, relative colorimetric with black point compensation.

    Args:
        icc: The profile.
        mode: The samples it is for: ``L``, ``RGB`` or ``CMYK``.

    Raises:
        ProfileError: It is broken, or of a colour space that the samples cannot have.
        PictureError: It is one of high dynamic range, whose brightness no 8-bit picture holds.
    """

    def __init__(self, icc: bytes, mode: str) -> None:
        if hdr_transfer(icc):
            raise PictureError("high dynamic range (PQ or HLG), which 8 bits cannot hold; save it as sRGB")
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            space = profile.profile.xcolor_space.strip()
            # Grey samples under a profile of colours are its neutral ones.
            self.mode = "RGB" if (mode, space) == ("L", "RGB") else mode
            if space != {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}[self.mode]:
                raise ProfileError(f"its colour profile is one of {space}, and is ignored")
            self.transform = ImageCms.buildTransform(
                profile,
                ImageCms.createProfile("sRGB"),
                self.mode,
                "RGB",
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                # What the engine makes of a grey curve to be quick is off by ten levels in the dark.
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION
                | (ImageCms.Flags.NOOPTIMIZE if self.mode == "L" else ImageCms.Flags.NONE),
            )
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            raise ProfileError("its colour profile is broken, and is ignored") from error
        self.grey = mode == "L"
        levels = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
        self.table = self._transform(levels)[0] if self.mode == "L" else None
        self.identical = self._is_identical()

    def _is_identical(self) -> bool:
        """Whether it is sRGB: converting that to sRGB would only add rounding."""
        if self.mode == "CMYK":
            return False
        steps = np.arange(0, 256, 1 if self.mode == "L" else 15, dtype=np.uint8)
        grid = np.stack(np.meshgrid(*[steps] * len(self.mode), indexing="ij"), axis=-1).reshape(1, -1, len(self.mode))
        return bool(np.abs(self._apply(grid).astype(int) - grid).max() <= 1)

    def __call__(self, samples: Samples) -> U8:
        """Converts.

        Args:
            samples: ``[H, W, C]`` of the mode; 16 bits are converted to well within a level of 8.

        Returns:
            uint8 ``[H, W, 3]``, or ``[H, W, 1]`` of grey samples.
        """
        if self.identical:
            return to_8(samples)
        wide: Any = np.repeat(samples, 3, axis=2) if self.grey and self.mode == "RGB" else samples
        made = self._apply(wide) if samples.dtype == np.uint8 else self._between(wide)
        return made[..., 1:2] if self.grey else made

    def _apply(self, samples: U8) -> U8:
        return self._transform(samples) if self.table is None else self.table[samples[..., 0]]

    def _transform(self, samples: U8) -> U8:
        plain = np.ascontiguousarray(samples[..., 0] if samples.shape[2] == 1 else samples)
        image = Image.fromarray(plain, self.mode) if self.mode == "CMYK" else Image.fromarray(plain)
        return np.asarray(self.transform.apply(image))

    def _between(self, samples: Samples) -> U8:
        """16 bits, which the colour engine does not take here: between the 8-bit colours around each, linearly."""
        low = (samples // 257).astype(np.uint8)
        share = (samples % 257).astype(np.float32) / 257
        total: NDArray[np.float32] = np.zeros((*samples.shape[:2], 3), np.float32)
        for corner in itertools.product((False, True), repeat=samples.shape[2]):
            up = np.array(corner)
            weight = np.where(up, share, 1 - share).prod(axis=2, keepdims=True)
            total += weight * self._apply(low + (up & (low < 255)))
        return (total + 0.5).astype(np.uint8)


@lru_cache(maxsize=16)
def converter(icc: bytes, mode: str) -> Converter:
    """A `Converter`, kept for the next picture: a set's pictures have the same few profiles."""
    return Converter(icc, mode)


def hdr_transfer(icc: bytes) -> bool:
    """Whether a profile says, by its tag ``cicp``, that brightness is coded by PQ or HLG."""
    count = int.from_bytes(icc[128:132], "big")
    for entry in range(132, 132 + 12 * min(count, 100), 12):
        if icc[entry : entry + 4] == b"cicp":
            at = int.from_bytes(icc[entry + 4 : entry + 8], "big")
            return icc[at + 9 : at + 10] in (bytes([code]) for code in _HDR)
    return False


def cmyk_to_rgb(image: Image.Image, icc: bytes | None) -> tuple[U8, str | None]:
    """A CMYK picture's colours, by its profile or else by the plain formula; and what to say of the profile."""
    convert, note = None, None
    if icc:
        try:
            convert = converter(icc, "CMYK")
        except ProfileError as error:
            note = str(error)
    return _convert_bands(image, (lambda part: convert(np.asarray(part))) if convert else _plain), note


def lab_to_rgb(image: Image.Image) -> U8:
    """A CIELAB picture's colours (D50)."""
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(lab, srgb, "LAB", "RGB", renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC)
    return _convert_bands(image, lambda part: np.asarray(transform.apply(part)))


def _plain(part: Image.Image) -> U8:
    return np.asarray(part.convert("RGB"))


def _convert_bands(image: Image.Image, convert: Any) -> U8:
    made = np.empty((image.height, image.width, 3), np.uint8)
    for rows in bands(image.height, image.width):
        made[rows] = convert(image.crop((0, rows.start, image.width, rows.stop)))
    return made
