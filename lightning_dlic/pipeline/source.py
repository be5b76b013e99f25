"""A picture to be compressed, with what the search asks for again and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec import Planes
from lightning_dlic.codec.planes import downsized
from lightning_dlic.imaging.numpy.color import split
from lightning_dlic.imaging.numpy.resize import shrunk

U8 = NDArray[np.uint8]


@dataclass
class Source:
    """A picture and its base layers.

    Attributes:
        picture: uint8 ``[H, W, 3]`` or ``[H, W]``.
        downsize: What makes base layers, by registered name with its arguments, at the scales that it serves; None is
            MATLAB's bicubic.
        payloads: What base layers were encoded to: by codec, scale and effort, and by quality.
    """

    picture: U8
    downsize: Mapping[str, Any] | None = None
    payloads: dict[tuple[str, float, int], dict[float, bytes]] = field(init=False, repr=False, default_factory=dict)
    _planes: tuple[U8, ...] = field(init=False, repr=False)
    _small: dict[float, Planes] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._planes = split(self.picture) if self.color else (self.picture,)

    @property
    def color(self) -> bool:
        """Whether the picture has three channels."""
        return self.picture.ndim == 3

    @property
    def luma(self) -> U8:
        """Y', ``[H, W]``."""
        return self._planes[0]

    @property
    def planes(self) -> tuple[U8, ...]:
        """Y', and Cb and Cr of a colour picture, each ``[H, W]``."""
        return self._planes

    @cached_property
    def gray(self) -> Source:
        """Its luma as a picture of its own."""
        return Source(self.luma, self.downsize) if self.color else self

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.picture.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.picture.shape[1])

    def base_pixels(self, scale: float) -> int:
        """Pixels of the base layer at a scale."""
        return shrunk(self.height, scale) * shrunk(self.width, scale)

    def small(self, scale: float) -> Planes:
        """The base layer before it is coded: downsized by MATLAB's antialiased bicubic, chroma to half of that."""
        if scale not in self._small:
            self._small[scale] = self._shrunk(scale)
        return self._small[scale]

    def _shrunk(self, scale: float) -> Planes:
        plain = downsized(self.picture, self._planes, scale)
        if self.downsize is None or scale == 1 or scale != int(scale):
            return plain
        from lightning_dlic.pipeline.downsize import by_operator

        return by_operator(self.downsize, self.picture, self.luma, plain, int(scale))
