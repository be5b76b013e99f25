"""The networks that a bitstream asks for: found, verified, or done without."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dlic_registry import DlicError
from lightning_dlic.codec import Bitstream, BitstreamError
from lightning_dlic.codec.container import PIPELINE_CHUNK
from lightning_dlic.pipeline.recipe import COLOUR, Pipeline, PipelineError, numbered_pipeline

if TYPE_CHECKING:
    from lightning_dlic.pipeline.colour import Colourist

LumaEnlarger = Callable[[NDArray[np.uint8], int, int], NDArray[np.uint8]]
NET_PIXELS = 1 << 24
"""Pixels of the largest picture on which networks run unless the caller allows more: a second for each million."""
_DIGEST = 8
_FILTER = "its colours are spread from the hints by a filter"


@dataclass(frozen=True)
class Resolver:
    """Finds the networks of one bitstream.

    Attributes:
        stream: It.
        given: The pipeline that it was made with, where that is none that ships.
        strict: Whether a network that is not here is an error; otherwise there is a warning, and interpolation or a
            filter in its place.
        net_pixels: Networks run on pictures of at most so many pixels.
    """

    stream: Bitstream
    given: Pipeline | None = None
    strict: bool = False
    net_pixels: int = NET_PIXELS

    def enlarger(self) -> LumaEnlarger | None:
        """The network that enlarges luma; None for interpolation."""
        pipeline = self._pipeline(self.stream.scale)
        if pipeline is None or self.stream.scale not in pipeline.weights or self._too_large():
            return None
        try:
            return pipeline.enlarger(self.stream.scale)
        except (DlicError, ImportError) as error:
            self._complain(reason(error))
            return None

    def colourist(self) -> Colourist | None:
        """The network that colours; None for a filter."""
        pipeline = self._pipeline(COLOUR)
        if pipeline is None or COLOUR not in pipeline.weights:
            self._complain(f"the network for colour that it was made with is not here; {_FILTER}")
            return None
        if self._too_large():
            return None
        try:
            return pipeline.colourist()
        except (DlicError, ImportError) as error:
            self._complain(f"{reason(error)} Instead, {_FILTER}")
            return None

    def _too_large(self) -> bool:
        width, height = self.stream.width, self.stream.height
        if width * height <= self.net_pixels:
            return False
        self._complain(
            f"a picture of {width}x{height} is larger than the {self.net_pixels} pixels on which networks run; "
            "allow more by max_net_pixels"
        )
        return True

    def _pipeline(self, scale: int) -> Pipeline | None:
        """The pipeline whose networks the stream names, as far as the network for a scale, or for colour, goes."""
        if self.stream.pipeline is not None:
            shipped = numbered_pipeline(self.stream.pipeline)
            if shipped is None:
                self._complain(f"pipeline {self.stream.pipeline} is not in this version of lightning-dlic")
            return shipped
        records = self.stream.chunk(PIPELINE_CHUNK)
        if records is None:
            return None
        name, digest = record(records, scale)
        weights = self._named(name, digest, scale) if name else None
        return Pipeline("named", weights={scale: weights} if weights else {})

    def _named(self, name: str, digest: bytes, scale: int) -> str | None:
        """Where the weights are that a bitstream names."""
        weights = self.given.weights.get(scale) if self.given else name if name.startswith("zoo:") else None
        if weights is None:
            # A path in a file of unknown origin is never opened.
            self._complain(f"it was made with the network {name!r}; pass its pipeline's recipe")
            return None
        return self._verified(weights, digest)

    def _verified(self, weights: str, digest: bytes) -> str | None:
        from lightning_dlic.zoo.files import locate

        try:
            actual = hashlib.sha256(locate(weights).read_bytes()).digest()[:_DIGEST]
        except DlicError as error:
            self._complain(reason(error))
            return None
        if actual != digest:
            self._complain(f"{weights} is not the network it was made with: its SHA-256 begins otherwise")
            return None
        return weights

    def _complain(self, what: str) -> None:
        if self.strict:
            raise PipelineError(f"the bitstream asks for more than is here: {what}")
        warnings.warn(f"decoded in part: {what}", stacklevel=4)


def record(records: bytes, scale: int) -> tuple[str | None, bytes]:
    """Name and digest of the weights for a scale, from a pipeline chunk.

    Raises:
        BitstreamError: The chunk is malformed.
    """
    at = 0
    found: tuple[str | None, bytes] = None, b""
    while at < len(records):
        size = records[at + 1] if at + 1 < len(records) else 0
        end = at + 2 + size + _DIGEST
        name = records[at + 2 : at + 2 + size]
        if end > len(records) or not size or not name.isascii() or not name.decode().isprintable():
            raise BitstreamError(f"pipeline chunk, byte {at}: no record of a network")
        if records[at] == scale and found[0] is None:
            found = name.decode(), records[end - _DIGEST : end]
        at = end
    return found


def reason(error: Exception) -> str:
    """Why a network cannot be used, in a sentence."""
    if isinstance(error, ImportError):
        return f"networks need {error.name or 'a package'}, which cannot be imported here."
    return str(error).splitlines()[0]
