"""Pictures decoded each time they are asked for: no cache, for sets too large to keep decoded."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dlic_datamodules.decode import DecodeOptions, decode
from dlic_datamodules.errors import PictureError, printable
from dlic_datamodules.source import Source

__all__ = ["DecodedPictures", "Pictures"]


class Pictures(Protocol):
    """Decoded pictures by number; picklable."""

    channels: int

    def __len__(self) -> int: ...

    def get(self, index: int) -> NDArray[np.uint8]:
        """Picture ``index``, uint8 ``[C, H, W]``; do not write to it.

        Raises:
            PictureError: It cannot be used.
        """
        ...

    def name(self, index: int) -> str:
        """Its name in the set."""
        ...


class DecodedPictures:
    """A source's pictures, decoded in the calling process.

    Args:
        source: Encoded pictures.
        options: How to decode them.
    """

    def __init__(self, source: Source, options: DecodeOptions) -> None:
        self.source, self.options = source, options
        self.channels = options.channels

    def __len__(self) -> int:
        return len(self.source)

    def get(self, index: int) -> NDArray[np.uint8]:
        """Reads and decodes picture ``index``.

        Raises:
            PictureError: It cannot be used; the reason names it.
        """
        try:
            data = self.source.read(index, self.options.max_bytes)
            return decode(data, self.options, raw=self.source.is_raw(index))
        except PictureError as error:
            raise PictureError(error.reason, printable(self.source.name(index))) from error

    def name(self, index: int) -> str:
        """The picture's name in its set."""
        return self.source.name(index)
