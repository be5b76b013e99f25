"""What a file says of its colours without a profile, as a profile: PNG's chunks, boxes of code points, EXIF."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlic_datamodules.errors import PictureError

__all__ = ["implied_profile"]

_PNG = b"\x89PNG\r\n\x1a\n"
_BOXES = 1 << 17
_D50 = (0.9642, 1.0, 0.8249)
_D65 = (0.3127, 0.329)
_Chromaticities = tuple[tuple[float, float], ...]
_SRGB = (_D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
# Code points of ITU-T H.273: white, red, green, blue; those of 1, and where nothing is said, are sRGB's.
_PRIMARIES: dict[int, _Chromaticities] = {
    0: _SRGB,
    1: _SRGB,
    2: _SRGB,
    3: _SRGB,
    5: (_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: (_D65, (0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    7: (_D65, (0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    9: (_D65, (0.708, 0.292), (0.17, 0.797), (0.131, 0.046)),
    11: ((0.314, 0.351), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
    12: (_D65, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
}
# Cameras' curves (1, 6, 7, 14, 15) are shown as sRGB's is, as browsers do.
_SRGB_CURVES = (0, 1, 2, 3, 6, 7, 13, 14, 15)
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_ADOBE = (_D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
_ADOBE_GAMMA = 563 / 256


@dataclass(frozen=True)
class _Colors:
    """Primaries and the exponent of the curve; None for sRGB's curve."""

    primaries: _Chromaticities = _SRGB
    gamma: float | None = None


def implied_profile(data: bytes, image: Image.Image, grey: bool) -> tuple[bytes | None, str | None]:
    """The profile that a file without one implies.

    Args:
        data: The file, or nothing where only Pillow's image is at hand.
        image: The file as Pillow loaded it.
        grey: Whether its samples are grey.

    Returns:
        An ICC profile, or None where the colours are sRGB; and what to say where the file makes no sense.

    Raises:
        PictureError: Its brightness is coded for high dynamic range, which 8 bits cannot hold.
    """
    colors = _of_code_points(data) or (_of_png(image.info) if image.format == "PNG" else _of_exif(image))
    if colors is None or colors == _Colors():
        return None, None
    try:
        return _profile(colors, grey), None
    except (ArithmeticError, ValueError, struct.error, np.linalg.LinAlgError):
        return None, "what it says of its colours makes no sense, and is ignored"


def code_points(data: bytes) -> tuple[int, int] | None:
    """Primaries and transfer of a PNG's chunk ``cICP`` or a box ``colr`` of AVIF and HEIC.

    Raises:
        PictureError: It is a PNG whose samples do not fill their range.
    """
    if data.startswith(_PNG):
        body = next((body for kind, body in _chunks(data) if kind == b"cICP" and len(body) == 4), None)
        if body and not body[3]:
            raise PictureError("samples of narrow range, which are not read; save it as sRGB")
        return (body[0], body[1]) if body else None
    at = data.find(b"colrnclx", 0, _BOXES) if data[4:8] == b"ftyp" else -1
    return struct.unpack_from(">HH", data, at + 8) if 0 <= at <= len(data) - 12 else None


def passed_over_profile(data: bytes) -> bytes | None:
    """The profile of a JPEG 2000 or BMP file, which Pillow passes over."""
    if data[:2] == b"BM" and data[70:74] == b"DEBM" and int.from_bytes(data[14:18], "little") == 124:
        start, size = (int.from_bytes(data[at : at + 4], "little") for at in (126, 130))
        return data[14 + start : 14 + start + size] or None
    at = data.find(b"colr\2", 0, _BOXES) if data[4:8] == b"jP  " else -1
    if at < 4:
        return None
    size = int.from_bytes(data[at - 4 : at], "big")
    return data[at + 7 : at - 4 + size] or None


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """A PNG's chunks before its pixels."""
    at = len(_PNG)
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            return
        yield kind, data[at + 8 : at + 8 + size]
        at += 12 + size


def _of_png(info: dict[Any, Any]) -> _Colors | None:
    """By gAMA and cHRM, which a chunk sRGB overrules."""
    if "srgb" in info or not {"gamma", "chromaticity"} & info.keys():
        return None
    gamma: float | None = info.get("gamma")
    primaries: _Chromaticities = _SRGB
    if gamma is not None:
        # 1 / 2.2 is what nearly every program writes for sRGB.
        gamma = None if abs(gamma - 1 / 2.2) < 0.005 else 1 / gamma if gamma else 0.0
    if "chromaticity" in info:
        values = info["chromaticity"]
        primaries = tuple(zip(values[::2], values[1::2], strict=True))
        primaries = _SRGB if np.allclose(primaries, _SRGB, atol=0.002) else primaries
    return _Colors(primaries, gamma)


def _of_code_points(data: bytes) -> _Colors | None:
    points = code_points(data)
    return None if points is None else _by_code_points(*points)


def _by_code_points(primaries: int, transfer: int) -> _Colors:
    if transfer in (16, 18):
        raise PictureError("high dynamic range (PQ or HLG), which 8 bits cannot hold; save it as sRGB")
    if primaries not in _PRIMARIES or not (transfer in _SRGB_CURVES or transfer in _GAMMAS):
        raise PictureError(f"colours by code points {primaries} and {transfer}, which are not read; save it as sRGB")
    return _Colors(_PRIMARIES[primaries], _GAMMAS.get(transfer))


def _of_exif(image: Image.Image) -> _Colors | None:
    """Adobe RGB as cameras mark it, by DCF's optional colour space."""
    if image.format not in ("JPEG", "MPO"):
        return None
    try:
        exif = image.getexif()
        adobe = exif.get_ifd(0x8769).get(0xA001) == 2 or str(exif.get_ifd(0xA005).get(1, "")).startswith("R03")
    except Exception:  # A broken EXIF block says nothing about the colours.
        return None
    return _Colors(_ADOBE, _ADOBE_GAMMA) if adobe else None


def _profile(colors: _Colors, grey: bool) -> bytes:
    """An ICC profile (ISO 15076-1) of a matrix and a curve, or of a curve alone."""
    curve = _curve(colors.gamma)
    tags = {b"desc": _text("Implied by the file"), b"cprt": _text("None"), b"wtpt": _xyz(_D50)}
    if grey:
        tags[b"kTRC"] = curve
    else:
        for name, column in zip((b"r", b"g", b"b"), _to_d50(colors.primaries).T, strict=True):
            tags |= {name + b"XYZ": _xyz(column.tolist()), name + b"TRC": curve}
    table, body, at = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12s4s4s24s12s4s44s",
        at + len(body), b"", 0x04300000, b"mntr", b"GRAY" if grey else b"RGB ", b"XYZ ",
        struct.pack(">6H", 2000, 1, 1, 0, 0, 0), b"acsp", b"", b"", _numbers(_D50), b"", b"",
    )  # fmt: skip
    return head + struct.pack(">I", len(tags)) + table + body


def _curve(gamma: float | None) -> bytes:
    if gamma is None:
        return struct.pack(">4sIHH", b"para", 0, 3, 0) + _numbers((2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
    if not 0.05 <= gamma <= 20:
        raise ValueError(f"a gamma of {gamma}")
    return struct.pack(">4sIHH", b"para", 0, 0, 0) + _numbers((gamma,))


def _to_d50(primaries: _Chromaticities) -> NDArray[np.float64]:
    """Columns: XYZ of red, green and blue, adapted from the white to D50 by Bradford's matrix."""
    white, *three = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in primaries)
    matrix = np.stack(three, axis=1)
    matrix = matrix * np.linalg.solve(matrix, white)
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    scale = np.diag((bradford @ np.array(_D50)) / (bradford @ white))
    made: NDArray[np.float64] = np.linalg.inv(bradford) @ scale @ bradford @ matrix
    if not np.isfinite(made).all() or np.abs(made).max() > 4:
        raise ValueError("primaries that span no colours")
    return made


def _numbers(values: tuple[float, ...] | list[float]) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _xyz(values: tuple[float, ...] | list[float]) -> bytes:
    return struct.pack(">4sI", b"XYZ ", 0) + _numbers(values)


def _text(words: str) -> bytes:
    text = words.encode("utf-16-be")
    return struct.pack(">4sIII2s2sII", b"mluc", 0, 1, 12, b"en", b"US", len(text), 28) + text
