"""Placeholders that others use: BlurHash and ThumbHash, as their authors publish them. A picture of a few cosines.

BlurHash (https://github.com/woltapp/blurhash): up to 9x9 cosines of linear light, as characters in base 83. ThumbHash
(https://github.com/evanw/thumbhash): about 25 bytes of luminance in up to 7x7 cosines and two colours in 3x3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
_GRID = 9
# Characters besides two for each cosine but the first: grid, greatest, mean.
_HEAD = 6
# ThumbHash takes pictures of at most this side, and cosines of luminance along the longer one.
_SMALL, _LONG, _COLORS = 100, 7, 3


def blurhash(picture: U8, columns: int, rows: int) -> str:
    """The BlurHash of an RGB picture ``[H, W, 3]`` with a grid of cosines, each side 1 to 9."""
    down, across = (_cosines(side, count) for side, count in zip(picture.shape, (rows, columns), strict=False))
    light = _linear(picture / 255.0)
    factors = np.einsum("jh,iw,hwc->jic", down, across, light) / (picture.shape[0] * picture.shape[1])
    factors *= np.where(np.add.outer(np.arange(rows), np.arange(columns)) > 0, 2.0, 1.0)[..., None]
    mean, *others = factors.reshape(-1, 3)
    most = max((float(np.abs(each).max()) for each in others), default=0.0)
    step = min(max(int(most * 166 - 0.5), 0), 82) if others else 0
    red, green, blue = (round(255 * float(_encoded(np.asarray(each)))) for each in np.clip(mean, 0, 1))
    said = [(columns - 1 + (rows - 1) * _GRID, 1), (step, 1), ((red << 16) + (green << 8) + blue, 4)]
    for factor in others:
        signed = np.sign(factor) * np.sqrt(np.abs(factor) / ((step + 1) / 166))
        levels = np.clip(np.floor(signed * 9 + 9.5), 0, 18).astype(int)
        said.append((int(levels @ (361, 19, 1)), 2))
    return "".join(_written(*each) for each in said)


def unblurred(text: str, height: int, width: int) -> U8:
    """What a BlurHash shows at a size, RGB."""
    size = _read(text[:1])
    columns, rows = size % _GRID + 1, size // _GRID + 1
    most = (_read(text[1:2]) + 1) / 166
    mean = _read(text[2:6])
    factors = [_linear(np.array([mean >> 16, mean >> 8 & 255, mean & 255]) / 255.0)]
    for at in range(_HEAD, len(text), 2):
        value = _read(text[at : at + 2])
        levels = (np.array([value // 361, value // 19 % 19, value % 19]) - 9) / 9
        factors.append(np.sign(levels) * np.square(levels) * most)
    grid = np.stack(factors).reshape(rows, columns, 3)
    light = np.einsum("jh,iw,jic->hwc", _cosines(height, rows), _cosines(width, columns), grid)
    return _bytes(_encoded(np.clip(light, 0, 1)))


def largest_grid(limit: int) -> tuple[int, int] | None:
    """Columns and rows of the BlurHash with the most cosines in so many characters; None where none fits."""
    sides = range(1, _GRID + 1)
    fits = [(i, j) for i in sides for j in sides if _HEAD + 2 * (i * j - 1) <= limit]
    return max(fits, key=lambda grid: (grid[0] * grid[1], -abs(grid[0] - grid[1]), grid[0]), default=None)


@dataclass(frozen=True)
class _Thumb:
    """Sizes in a ThumbHash of a picture without transparency."""

    columns: int
    rows: int

    @property
    def orders(self) -> list[list[tuple[int, int]]]:
        """Cosines across and down of luminance, and of each colour: those under the diagonal."""
        grids = (max(3, self.columns), max(3, self.rows)), (_COLORS, _COLORS), (_COLORS, _COLORS)
        return [
            [(i, j) for j in range(rows) for i in range(columns) if (i or j) and i * rows < columns * (rows - j)]
            for columns, rows in grids
        ]


def thumbhash(picture: U8) -> bytes:
    """The ThumbHash of an RGB picture ``[H, W, 3]``, of at most 100 pixels a side: larger ones are made small."""
    image = Image.fromarray(picture)
    image.thumbnail((_SMALL, _SMALL))
    red, green, blue = np.moveaxis(np.asarray(image) / 255.0, -1, 0)
    width, height = image.size
    long = max(width, height)
    sizes = _Thumb(*(max(1, round(_LONG * side / long)) for side in (width, height)))
    planes = (red + green + blue) / 3, (red + green) / 2 - blue, red - green
    means = [float(plane.mean()) for plane in planes]
    factors = [
        np.array([float((_wave(height, j)[:, None] * _wave(width, i) * plane).mean()) for i, j in order])
        for plane, order in zip(planes, sizes.orders, strict=True)
    ]
    scales = [float(np.abs(each).max()) for each in factors]
    head = _near(63 * means[0]) | _near(31.5 + 31.5 * means[1]) << 6 | _near(31.5 + 31.5 * means[2]) << 12
    head |= _near(31 * scales[0]) << 18
    wide = width > height
    tail = (
        (sizes.rows if wide else sizes.columns) | _near(63 * scales[1]) << 3 | _near(63 * scales[2]) << 9 | wide << 15
    )
    levels = [
        _near(15 * (0.5 + 0.5 / scale * float(value))) if scale else 8
        for each, scale in zip(factors, scales, strict=True)
        for value in each
    ]
    levels += [0] * (len(levels) % 2)
    pairs = bytes(low | high << 4 for low, high in zip(levels[::2], levels[1::2], strict=True))
    return head.to_bytes(3, "little") + tail.to_bytes(2, "little") + pairs


def unthumbed(data: bytes, height: int, width: int) -> U8:
    """What a ThumbHash without transparency shows at a size, RGB."""
    head, tail = int.from_bytes(data[:3], "little"), int.from_bytes(data[3:5], "little")
    short, wide = tail & 7, bool(tail >> 15)
    sizes = _Thumb(*((_LONG, short) if wide else (short, _LONG)))
    means = (head & 63) / 63, (head >> 6 & 63) / 31.5 - 1, (head >> 12 & 63) / 31.5 - 1
    # Colours come out stronger than they went in, which the format has so.
    scales = (head >> 18 & 31) / 31, (tail >> 3 & 63) / 63 * 1.25, (tail >> 9 & 63) / 63 * 1.25
    levels = iter([level for pair in data[5:] for level in (pair & 15, pair >> 4)])
    planes = []
    for mean, scale, order in zip(means, scales, sizes.orders, strict=True):
        plane = np.full((height, width), mean)
        for i, j in order:
            plane += (next(levels) / 7.5 - 1) * scale * 2 * _wave(height, j)[:, None] * _wave(width, i)
        planes.append(plane)
    light, yellow, magenta = planes
    blue = light - 2 / 3 * yellow
    red = (3 * light - blue + magenta) / 2
    return _bytes(np.stack((red, red - magenta, blue), axis=-1))


def _wave(side: int, count: int) -> F64:
    """A cosine of some half-waves, at pixels' centres."""
    wave: F64 = np.cos(np.pi / side * count * (np.arange(side) + 0.5))
    return wave


def _cosines(side: int, count: int) -> F64:
    """Cosines of 0 and more half-waves at pixels' corners, as BlurHash has them, ``[count, side]``."""
    waves: F64 = np.cos(np.pi / side * np.outer(np.arange(count), np.arange(side)))
    return waves


def _linear(value: F64) -> F64:
    light: F64 = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return light


def _encoded(light: F64) -> F64:
    value: F64 = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)
    return value


def _near(value: float) -> int:
    return int(value + 0.5)


def _bytes(unit: F64) -> U8:
    return np.clip(np.round(255 * unit), 0, 255).astype(np.uint8)


def _written(value: int, digits: int) -> str:
    return "".join(_DIGITS[value // 83**place % 83] for place in reversed(range(digits)))


def _read(text: str) -> int:
    value = 0
    for letter in text:
        value = 83 * value + _DIGITS.index(letter)
    return value
