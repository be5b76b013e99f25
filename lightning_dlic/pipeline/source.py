"""A picture to be compressed, with what the search asks for again and again."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec import Planes
from lightning_dlic.codec.planes import downsized
from lightning_dlic.imaging.numpy.color import split

U8 = NDArray[np.uint8]


@dataclass
class Source:
    """A picture and its base layers.

    Attributes:
        picture: uint8 ``[H, W, 3]`` or ``[H, W]``.
    """

    picture: U8
    _planes: tuple[U8, ...] = field(init=False, repr=False)
    _small: dict[int, Planes] = field(init=False, repr=False, default_factory=dict)

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

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.picture.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.picture.shape[1])

    def base_pixels(self, scale: int) -> int:
        """Pixels of the base layer at a scale."""
        return -(-self.height // scale) * -(-self.width // scale)

    def small(self, scale: int) -> Planes:
        """The base layer before it is coded: downsized by MATLAB's antialiased bicubic, chroma to half of that."""
        if scale not in self._small:
            self._small[scale] = downsized(self.picture, self._planes, scale)
        return self._small[scale]
