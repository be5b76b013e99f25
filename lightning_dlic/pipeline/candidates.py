"""What the search compares: a base layer at one scale, by one codec, at one quality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec import BaseCodec, Bitstream
from lightning_dlic.codec.base_layer import decode_payload
from lightning_dlic.codec.networks import Network, alpha_chunks, networks_chunk
from lightning_dlic.codec.planes import Planes
from lightning_dlic.operators.layers import Layers
from lightning_dlic.pipeline.assemble import assemble
from lightning_dlic.pipeline.plan import Pipeline, named_in_stream
from lightning_dlic.pipeline.resolve import Chain
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
        kinds: Kinds of the networks that make the picture.
    """

    stream: Bitstream
    quality: int
    score: float
    kinds: frozenset[str] = frozenset()

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
        pipeline: Says how a bitstream names its networks.
        chain: Networks that need no hints; empty for bicubic interpolation only.
        score: Judges a decoded picture.
    """

    source: Source
    name: str
    codec: BaseCodec
    scale: int
    effort: int
    pipeline: Pipeline
    chain: Chain
    score: Score
    _payloads: dict[int, bytes] = field(default_factory=dict, repr=False)
    _scored: dict[int, Candidate] = field(default_factory=dict, repr=False)
    _interpolated: dict[int, Candidate] = field(default_factory=dict, repr=False)

    def size(self, quality: int) -> int:
        """Bytes of the whole file at a quality, with the pipeline named where it has a network."""
        return len(self._stream(self._payload(quality), bool(self.chain.operators)).to_bytes())

    def plain_size(self, quality: int) -> int:
        """Bytes of the whole file at a quality, without a network."""
        return len(self._stream(self._payload(quality), False).to_bytes())

    @property
    def needs_net(self) -> bool:
        """Whether the network must be used."""
        return bool(self.chain.operators) and self.pipeline.always

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
            self._interpolated[quality] = self._judged(quality, Chain())
        return self._interpolated[quality]

    def _decode(self, quality: int) -> Candidate:
        if not self.chain.operators:
            return self.interpolated(quality)
        net = self._judged(quality, self.chain)
        found = [net] if self.needs_net else [self.interpolated(quality), net]
        return max(found, key=lambda candidate: (candidate.score, -candidate.size))

    def _planes(self, quality: int) -> Planes:
        return decode_payload(self.codec, self._payload(quality), self.source.small(self.scale))

    def _judged(self, quality: int, chain: Chain) -> Candidate:
        planes, source = self._planes(quality), self.source
        step = self.codec.log_step(self._payload(quality), *planes.size)
        alpha = self.pipeline.told(chain.kinds)
        layers = Layers(planes, planes, self.scale, source.height, source.width, step, alpha)
        picture = assemble(layers, chain.operators)
        crc = planes.crc32() if self.codec.exact else None
        stream = replace(self._stream(self._payload(quality), bool(chain.operators)), crc=crc)
        return Candidate(stream, quality, self.score(picture), chain.kinds)

    def _stream(self, payload: bytes, net: bool) -> Bitstream:
        number, named = self._named if net else self._plain
        chunks = [networks_chunk(named)] if named else []
        chunks += alpha_chunks(self.pipeline.told(self.chain.kinds)) if net else ()
        source = self.source
        size = source.width, source.height
        crc = 0 if self.codec.exact else None
        return Bitstream(*size, self.scale, self.name, source.color, payload, crc, number, tuple(chunks))

    @cached_property
    def _named(self) -> tuple[int | None, list[Network]]:
        return named_in_stream(self.pipeline, self.name, self.scale, self.chain.kinds, hints=False)

    @cached_property
    def _plain(self) -> tuple[int | None, list[Network]]:
        return named_in_stream(self.pipeline, self.name, self.scale, (), hints=False)
