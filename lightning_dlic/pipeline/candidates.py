"""What the search compares: a base layer at one scale, by one codec, at one quality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec import BaseCodec, Bitstream, Chunk
from lightning_dlic.codec.base_layer import decode_payload
from lightning_dlic.codec.container import PIPELINE_CHUNK
from lightning_dlic.codec.planes import Planes
from lightning_dlic.pipeline.decompress import assemble
from lightning_dlic.pipeline.recipe import Pipeline
from lightning_dlic.pipeline.resolve import LumaEnlarger
from lightning_dlic.pipeline.source import Source

U8 = NDArray[np.uint8]
Score = Callable[[U8], float]


@dataclass(frozen=True)
class Candidate:
    """A bitstream and what it decodes to.

    Attributes:
        stream: The bitstream.
        quality: The base codec's quality step.
        score: How good the decoded picture is; more is better.
    """

    stream: Bitstream
    quality: int
    score: float

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return len(self.stream.to_bytes())


@dataclass
class Branch:
    """One base codec at one scale, with all that has been encoded so far.

    Attributes:
        source: The picture.
        name: Of the base codec.
        codec: The base codec.
        scale: Factor of downsizing.
        effort: Given to the encoder.
        pipeline: Says which network enlarges.
        enlarger: That network; None for bicubic interpolation only.
        score: Judges a decoded picture.
    """

    source: Source
    name: str
    codec: BaseCodec
    scale: int
    effort: int
    pipeline: Pipeline
    enlarger: LumaEnlarger | None
    score: Score
    _payloads: dict[int, bytes] = field(default_factory=dict, repr=False)
    _scored: dict[int, Candidate] = field(default_factory=dict, repr=False)
    _interpolated: dict[int, Candidate] = field(default_factory=dict, repr=False)

    def size(self, quality: int) -> int:
        """Bytes of the whole file at a quality, with the pipeline named where it has a network."""
        return len(self._stream(self._payload(quality), self.enlarger is not None).to_bytes())

    def plain_size(self, quality: int) -> int:
        """Bytes of the whole file at a quality, without a network."""
        return len(self._stream(self._payload(quality), False).to_bytes())

    @property
    def needs_net(self) -> bool:
        """Whether the network must be used."""
        return self.enlarger is not None and self.pipeline.always

    @property
    def least(self) -> Candidate:
        """The smallest file: the coarsest quality, without a network where it can be done without."""
        return self.candidate(0) if self.needs_net else self.interpolated(0)

    def _payload(self, quality: int) -> bytes:
        if quality not in self._payloads:
            self._payloads[quality] = self.codec.encode(self.source.small(self.scale), quality, self.effort)
        return self._payloads[quality]

    def candidate(self, quality: int) -> Candidate:
        """Decodes a quality's payload and scores it.

        By bicubic, and by the network where there is one; the better wins, or the network if the pipeline says always.
        """
        if quality not in self._scored:
            self._scored[quality] = self._decode(quality)
        return self._scored[quality]

    def interpolated(self, quality: int) -> Candidate:
        """Decodes a quality's payload and scores it without the network, which takes most of the time."""
        if quality not in self._interpolated:
            self._interpolated[quality] = self._enlarge(quality, self._planes(quality), None)
        return self._interpolated[quality]

    def _decode(self, quality: int) -> Candidate:
        if self.enlarger is None:
            return self.interpolated(quality)
        net = self._enlarge(quality, self._planes(quality), self.enlarger)
        found = [net] if self.needs_net else [self.interpolated(quality), net]
        return max(found, key=lambda candidate: (candidate.score, -candidate.size))

    def _planes(self, quality: int) -> Planes:
        return decode_payload(self.codec, self._payload(quality), self.source.small(self.scale))

    def _enlarge(self, quality: int, planes: Planes, enlarger: LumaEnlarger | None) -> Candidate:
        picture = assemble(planes, self.scale, self.source.height, self.source.width, enlarger)
        crc = planes.crc32() if self.codec.exact else None
        stream = replace(self._stream(self._payload(quality), enlarger is not None), crc=crc)
        return Candidate(stream, quality, self.score(picture))

    def _stream(self, payload: bytes, net: bool) -> Bitstream:
        number: int | None = None
        chunks: tuple[Chunk, ...] = ()
        if net:
            number = self.pipeline.number
            chunks = () if number is not None else (Chunk(PIPELINE_CHUNK, self.pipeline.names),)
        source = self.source
        size = source.width, source.height
        crc = 0 if self.codec.exact else None
        return Bitstream(*size, self.scale, self.name, source.color, payload, crc, number, chunks)
