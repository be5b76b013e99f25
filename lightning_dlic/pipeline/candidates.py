"""What the search compares: a base layer at one scale, by one codec, at one quality."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec import BaseCodec, Bitstream
from lightning_dlic.codec.base_layer import decode_payload
from lightning_dlic.codec.container import between_chunks
from lightning_dlic.codec.networks import Network, alpha_chunks, networks_chunk
from lightning_dlic.codec.planes import Planes
from lightning_dlic.operators.layers import Layers
from lightning_dlic.pipeline.assemble import advanced, base_layers, finished
from lightning_dlic.pipeline.between import between, coding
from lightning_dlic.pipeline.plan import Pipeline, named_in_stream
from lightning_dlic.pipeline.resolve import NET_PIXELS, Chain
from lightning_dlic.pipeline.source import Source
from lightning_dlic.pipeline.spent import ENCODING, NETWORK, SCORING, Spent

U8 = NDArray[np.uint8]
Score = Callable[[U8], float]


@dataclass(frozen=True)
class Candidate:
    """A bitstream and what it decodes to.

    Attributes:
        stream: The bitstream.
        quality: The base codec's quality step, or the one next to it.
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
    """One base codec at one scale. What it has encoded stays with the source.

    Attributes:
        source: The picture.
        name: Of the base codec.
        codec: The base codec.
        scale: Factor of downsizing; between two whole ones networks work at the larger.
        effort: Given to the encoder.
        pipeline: Says how a bitstream names its networks.
        open: Gives the networks that need no hints; an empty chain for bicubic interpolation only. It is asked once
            they are to work: what they take is not for searches in which none does.
        score: Judges a decoded picture.
        spent: Counts.
    """

    source: Source
    name: str
    codec: BaseCodec
    scale: float
    effort: int
    pipeline: Pipeline
    open: Callable[[], Chain]
    score: Score
    spent: Spent
    _scored: dict[tuple[float, frozenset[str]], Candidate] = field(default_factory=dict, repr=False)

    @cached_property
    def chain(self) -> Chain:
        """Networks that need no hints."""
        return self.open()

    @property
    def has_net(self) -> bool:
        """Whether the pipeline has networks for this scale, and decoders run them on pictures of this size."""
        small = math.prod(self._stream(b"", False).canvas) <= NET_PIXELS
        return small and bool(self.pipeline.places(self.scale, hints=False))

    @property
    def needs_net(self) -> bool:
        """Whether the network must be used."""
        return self.pipeline.always and self.has_net and bool(self.chain.operators)

    @property
    def smooth(self) -> bool:
        """Whether the codec itself knows qualities between its steps."""
        return type(self.codec).encode_between is not BaseCodec.encode_between

    @property
    def tried(self) -> list[float]:
        """Qualities that have been encoded, whole ones and between."""
        return sorted(self._payloads)

    @property
    def least(self) -> Candidate:
        """The smallest file: the coarsest quality, without a network where it can be done without."""
        return self.networked(0) if self.needs_net else self.interpolated(0)

    def size(self, quality: float, net: bool = False) -> int:
        """Bytes of the whole file at a quality, with its networks named where some are used."""
        return len(self._stream(self.payload(quality), net).to_bytes())

    def payload(self, quality: float) -> bytes:
        """The encoded base layer at a quality, a fraction for one between two steps."""
        if quality not in self._payloads:
            self._payloads[quality] = self._encode(quality)
        return self._payloads[quality]

    def planes(self, quality: float) -> Planes:
        """The decoded base layer."""
        return decode_payload(self.codec, self.payload(quality), self.source.small(self.scale))

    def layers(self, quality: float, kinds: Iterable[str] = ()) -> Layers:
        """The decoded base layer as the decoder begins with it, where networks of some kinds go on."""
        planes, stream = self.planes(quality), self._stream(b"", False)
        step = self.codec.log_step(self.payload(quality), *planes.size)
        return base_layers(stream, planes, step, self.pipeline.told(kinds))

    def candidate(self, quality: float) -> Candidate:
        """Decodes and scores by interpolation and by the network where there is one: the better, or as must be."""
        found = [] if self.needs_net else [self.interpolated(quality)]
        found += [self.networked(quality)] if self.has_net and self.chain.operators else []
        return max(found, key=lambda candidate: (candidate.score, -candidate.size))

    def interpolated(self, quality: float) -> Candidate:
        """Decodes a quality's payload and scores it without the network."""
        return self._judged(quality, Chain())

    def networked(self, quality: float) -> Candidate:
        """Decodes a quality's payload and scores what the network makes of it, which takes most of the time."""
        return self._judged(quality, self.chain)

    def advance(self, layers: Layers, chain: Chain) -> Layers:
        """What networks make of layers, counted; the very same layers where they leave those alone."""
        if not chain.operators:
            return layers
        with self.spent.on(NETWORK):
            made = advanced(layers, chain.operators)
        if made is not layers:
            self.spent.add(net_pixels=layers.height * layers.width)
        return made

    def stream(self, quality: float, net: bool = False) -> Bitstream:
        """The bitstream at a quality; its checksum is that of the decoded base layer."""
        crc = self.planes(quality).crc32() if self.codec.exact else None
        return replace(self._stream(self.payload(quality), net), crc=crc)

    def _judged(self, quality: float, chain: Chain) -> Candidate:
        key = quality, chain.kinds
        if key not in self._scored:
            layers = self.advance(self.layers(quality, chain.kinds), chain)
            with self.spent.on(SCORING):
                score = self.score(finished(layers))
            stream = self.stream(quality, bool(chain.operators))
            self._scored[key] = Candidate(stream, coding(quality), score, chain.kinds)
        return self._scored[key]

    @property
    def _payloads(self) -> dict[float, bytes]:
        return self.source.payloads.setdefault((self.name, self.scale, self.effort), {})

    def _encode(self, quality: float) -> bytes:
        planes, step = self.source.small(self.scale), coding(quality)
        if quality != step:
            with self.spent.on(ENCODING):
                found = self.codec.encode_between(planes, quality, self.effort)
            if found is not None:
                self.spent.add(encodings=1)
                return found
            planes = between(planes, self.planes(math.floor(quality)), quality)
        self.spent.add(encodings=1)
        with self.spent.on(ENCODING):
            return self.codec.encode(planes, step, self.effort)

    def _stream(self, payload: bytes, net: bool) -> Bitstream:
        number, named = self._named if net else self._plain
        chunks = [*between_chunks(self.scale), *([networks_chunk(named)] if named else [])]
        chunks += alpha_chunks(self.pipeline.told(self.chain.kinds)) if net else ()
        source = self.source
        size = source.width, source.height
        crc = 0 if self.codec.exact else None
        return Bitstream(*size, math.ceil(self.scale), self.name, source.color, payload, crc, number, tuple(chunks))

    @cached_property
    def _named(self) -> tuple[int | None, list[Network]]:
        return named_in_stream(self.pipeline, self.name, self.scale, self.chain.kinds, hints=False)

    @cached_property
    def _plain(self) -> tuple[int | None, list[Network]]:
        return named_in_stream(self.pipeline, self.name, self.scale, (), hints=False)
