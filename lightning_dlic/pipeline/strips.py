"""A decoded picture from top to bottom: never more of it in memory than is asked for at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.planes import Planes
from lightning_dlic.imaging.numpy.color import merge
from lightning_dlic.imaging.numpy.resize import resize_rows, row_strips

U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Strips:
    """A picture in strips of rows.

    Attributes:
        height: Rows of the whole.
        width: Columns.
        color: Whether the strips are uint8 ``[rows, width, 3]``; otherwise ``[rows, width]``.
        parts: The strips, in order, made as they are taken.
    """

    height: int
    width: int
    color: bool
    parts: Iterator[U8]

    def whole(self) -> U8:
        """The picture, all at once."""
        picture = np.empty((self.height, self.width, 3) if self.color else (self.height, self.width), np.uint8)
        at = 0
        for part in self.parts:
            picture[at : at + len(part)] = part
            at += len(part)
        return picture


def resized(picture: U8, factor: float, size: tuple[int, int]) -> Strips:
    """A picture at another size, by bicubic interpolation.

    Args:
        picture: uint8 ``[h, w, 3]`` or ``[h, w]``.
        factor: Of rows and of columns.
        size: Height and width of the result.
    """
    planes = [np.ascontiguousarray(plane) for plane in np.moveaxis(np.atleast_3d(picture), -1, 0)]

    def parts() -> Iterator[U8]:
        for rows in row_strips(*size):
            made = [resize_rows(plane, (factor, factor), size, rows) for plane in planes]
            yield made[0] if picture.ndim == 2 else np.stack(made, axis=-1)

    return Strips(*size, picture.ndim == 3, parts())


def base_strips(
    planes: Planes, factors: tuple[float, float], size: tuple[int, int], luma: U8 | None = None
) -> Iterator[U8]:
    """A base layer at another size, by bicubic interpolation.

    Args:
        planes: The base layer.
        factors: Of rows and columns.
        size: Height and width of the picture.
        luma: The picture's luma ``[height, width]``, where a network has made it.
    """
    doubled = 2 * factors[0], 2 * factors[1]
    for rows in row_strips(*size):
        light = resize_rows(planes.y, factors, size, rows) if luma is None else luma[rows]
        if planes.cb is None or planes.cr is None:
            yield light
        else:
            yield merge(light, *(resize_rows(plane, doubled, size, rows) for plane in (planes.cb, planes.cr)))
