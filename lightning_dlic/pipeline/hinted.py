"""Colour by hints: how many bytes go to the grey base layer and how many to its colour."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlic_registry import DlicError
from lightning_dlic.codec import Bitstream, Chunk
from lightning_dlic.codec.container import HINTS_CHUNK, NETWORKS_CHUNK
from lightning_dlic.codec.networks import alpha_chunks, networks_chunk
from lightning_dlic.operators.layers import Layers
from lightning_dlic.pipeline.assemble import finished
from lightning_dlic.pipeline.between import coding
from lightning_dlic.pipeline.budget import Rate
from lightning_dlic.pipeline.candidates import Branch, Candidate, Score
from lightning_dlic.pipeline.plan import named_in_stream
from lightning_dlic.pipeline.prospects import Prospect, Prospects, opened
from lightning_dlic.pipeline.resolve import NET_PIXELS, Chain
from lightning_dlic.pipeline.source import Source
from lightning_dlic.pipeline.spent import HINTS, NETWORK, SCORING

if TYPE_CHECKING:
    from lightning_dlic.codec.hints.aim import Aim
    from lightning_dlic.codec.hints.base import Coloring, Hints
    from lightning_dlic.operators.colorizer import Colorizer

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
BASE, AUTO, NONE = "base", "auto", "none"
# Shares of a file that hints get, the first of which tells whether more or fewer do better.
_SHARES = (0.05, 0.09, 0.15, 0.24, 0.36)
_FIRST = 2
_LEAST, _MOST = 8, 2000
# Tag, two bytes of length, end of the chunks.
_FRAME = 4
# Kinds of hints that `auto` tries; the first of them finds the share.
_KINDS = ("segmentation", "grid")
# Effort from which regions may name a branch of the network, and colours are corrected at the picture's own size.
_FULL_FROM = 5
# Effort from which each kind of hints is tried, not only the one that found the share, and a network colours by each.
_EVERY_KIND_FROM = 6
# What a base layer may leave of its share where the hints take the rest, as a power of two, and encodings for that.
_LOOSE, _LOOSE_TRIALS = 0.06, 3


@dataclass(frozen=True)
class Ask:
    """What hints a user wants.

    Attributes:
        kinds: Kinds of hints to try, the likeliest first; none for the network's guess alone.
        budget: Their bytes; None for what does best.
        base: Whether chroma by the base codec may win.
    """

    kinds: tuple[str, ...]
    budget: int | None = None
    base: bool = False


def parse(text: str) -> Ask:
    """Reads one name of hints, perhaps with bytes, as `codec.hints.words` has it.

    Raises:
        DlicError: There are no such hints, or the bytes are no number.
    """
    from lightning_dlic.codec.hints.chunk import sending
    from lightning_dlic.codec.hints.presets import PRESETS
    from lightning_dlic.codec.hints.words import said

    (name, budget), *more = said(text)
    if more:
        hint = "write one name, or a name, a comma and a number of bytes; auto chooses the kind"
        raise DlicError(f"hints {text[:80]!r}: {hint}")
    if name in PRESETS:
        kind, usual = PRESETS[name]
        return Ask((kind,), budget or usual)
    if name == AUTO:
        return Ask(_KINDS, budget, base=True)
    sending(name)
    return Ask(() if name == NONE else (name,), budget)


def usual_budget(limit: int, share: float = _SHARES[_FIRST]) -> int:
    """Bytes that hints get of a file."""
    return min(_MOST, max(_LEAST, round(limit * share)))


class Hinted:
    """Puts hints on grey base layers of one picture."""

    def __init__(self, source: Source, ask: Ask, gray: Prospects, score: Score) -> None:
        """Prepares.

        Args:
            source: A colour picture.
            ask: The hints to try.
            gray: Base layers of its luma.
            score: Judges a decoded picture in colour.
        """
        # Imported here: it takes Numba, which files without hints do without.
        from lightning_dlic.codec.hints.aim import Aim
        from lightning_dlic.codec.hints.chunk import decode_hints, find_hints, prefix
        from lightning_dlic.codec.hints.encoder import search

        self.source, self.ask, self.gray, self.score, self.spent = source, ask, gray, score, gray.spent
        self._aim, self._find, self._prefix, self._search = Aim, find_hints, prefix, search
        self._decode = decode_hints
        self._chroma = np.stack(source.planes[1:]).astype(np.float32) - 128
        self._chains: dict[float, Chain] = {}
        self._last: tuple[tuple[str, float, float, frozenset[str], float], Layers] | None = None

    def chain(self, scale: float) -> Chain:
        """The networks that work on hints; none for pictures on which decoders run none."""
        if scale not in self._chains:
            small = self.source.height * self.source.width <= NET_PIXELS
            self._chains[scale] = opened(self.gray.settings.pipeline, scale, hints=True) if small else Chain()
        return self._chains[scale]

    def shared(self, scale: float, limit: int) -> tuple[int, float] | None:
        """How many bytes of a file hints should have, and what that scores by the guided filter; None: nothing fits.

        Both by the scout's base layer and the first kind of hints, found by walking up the hill.
        """
        scores: dict[int, float] = {}
        branch = self.gray.branch(next(iter(self.gray.codecs)), scale)

        def score(index: int) -> float:
            if index not in scores:
                scores[index] = self._sketched(branch, limit, usual_budget(limit, _SHARES[index]))
            return scores[index]

        at = _FIRST if score(_FIRST) > -math.inf else 0
        for way in (-1, 1):
            while 0 <= at + way < len(_SHARES) and score(at + way) > score(at):
                at += way
        return (usual_budget(limit, _SHARES[at]), score(at)) if score(at) > -math.inf else None

    def finished(self, prospect: Prospect, limit: int, budget: int) -> list[Candidate]:
        """Files of at most ``limit`` bytes with hints of about ``budget``, for the guided filter and for networks."""
        branch = self._branch(prospect)
        net = prospect.networked
        quality = self._quality(branch, limit - budget - _FRAME, net, _LOOSE if self.ask.budget is None else None)
        if quality is None and net and not branch.needs_net:
            quality, net = self._quality(branch, limit - budget - _FRAME, False), False
        if quality is None:
            return []
        chain = branch.chain if net else Chain()
        every = self.gray.settings.effort >= _EVERY_KIND_FROM
        asked = self.ask.kinds if every else self.ask.kinds[:1]
        made = {kind: self._hints(branch, quality, chain, kind, limit, False) for kind in asked}
        found = {kind: candidate for kind, candidate in made.items() if candidate and candidate.size <= limit}
        kinds = sorted(found or made, key=lambda kind: found[kind].score if kind in found else 0.0)
        if self.chain(branch.scale).operators:
            networked = [self._hints(branch, quality, chain, kind, limit, True) for kind in kinds]
            return [*found.values(), *(each for each in networked if each and each.size <= limit)]
        return [*found.values()]

    def guessed(self, prospect: Prospect, limit: int) -> list[Candidate]:
        """A grey base layer whose colours the network guesses, where there is one."""
        branch, body = self._branch(prospect), self._prefix(self._find(NONE))
        if not self.chain(branch.scale).operators:
            return []
        chain = branch.chain if prospect.networked else Chain()
        start = self.gray.glance(branch, limit)
        if start is None:
            return []
        extra = len(self._stream(branch.stream(start.seen), chain, body, True).to_bytes()) - branch.size(start.seen)
        quality = self.gray.fitting(branch, limit - extra, start.quality, False)
        if quality is None:
            return []
        made = self._judged(branch, quality, chain, body, True)
        return [made] if made.size <= limit else []

    def _branch(self, prospect: Prospect) -> Branch:
        """A prospect's grey counterpart: hints have whole scales."""
        return self.gray.branch(prospect.branch.name, math.ceil(prospect.branch.scale))

    def _sketched(self, branch: Branch, limit: int, budget: int) -> float:
        quality = self._quality(branch, limit - budget - _FRAME, False, 2 * _LOOSE)
        made = None if quality is None else self._hints(branch, quality, Chain(), self.ask.kinds[0], limit, False, 1)
        return -math.inf if made is None else made.score

    def _quality(self, branch: Branch, limit: int, net: bool, loose: float | None = None) -> float | None:
        start = self.gray.glance(branch, limit) if limit > 0 else None
        if start is None:
            return None
        rate = None if loose is None else Rate(start.quality, branch.codec.start[1], _LOOSE_TRIALS, loose)
        return self.gray.fitting(branch, limit, start.quality, net, rate)

    def _hints(
        self, branch: Branch, quality: float, chain: Chain, kind: str, limit: int, net: bool, effort: int | None = None
    ) -> Candidate | None:
        """A base layer with the best hints of a kind that fit, for the network or for the guided filter."""
        effort, hints = effort or self.gray.settings.effort, self._find(kind)
        start, base = self._prefix(hints), branch.stream(quality)
        # What the base layer has left over goes to the hints, where the user has not said how many they get.
        room = limit - len(self._stream(base, chain, bytes(128), net).to_bytes()) + 128
        room = room if self.ask.budget is None else min(room, self.ask.budget)
        layers = branch.layers(quality)
        aim = self._aim.of(layers.base.y, self._chroma, layers.scale)
        with self.spent.on(HINTS):
            if net:
                found = self._for_net(hints, aim, room - len(start) + 1, effort, branch, quality, chain)
            else:
                found = self._search(hints, aim, room - len(start) + 1, effort)
        return None if found is None else self._judged(branch, quality, chain, start + found.body, net)

    def _for_net(
        self, hints: Hints, aim: Aim, room: int, effort: int, branch: Branch, quality: float, chain: Chain
    ) -> Any:
        operators: Any = self.chain(branch.scale).operators
        colorizer: Colorizer = operators[-1]
        small, full = aim.luma, effort >= _FULL_FROM
        final = None
        if full and (luma := self._enlarged(branch, quality, chain, True).enlarged()).shape != small.shape:
            final = self._counted(lambda made: aim.shrunk(colorizer(luma, made)), luma.size)
        render = self._counted(lambda made: colorizer(small, made), small.size)
        branches = self._counted(lambda made: colorizer.hypotheses(small, made), small.size) if full else None
        return self._search(hints, aim, room, effort, render, branches, final=final)

    def _enlarged(self, branch: Branch, quality: float, chain: Chain, net: bool) -> Layers:
        """A base layer that networks have enlarged, where they can without its colour; the last one is kept."""
        layers = branch.layers(quality, self._kinds(branch.scale, chain, net))
        key = branch.name, branch.scale, quality, chain.kinds, layers.alpha
        if self._last is None or self._last[0] != key:
            self._last = key, branch.advance(layers, chain)
        return self._last[1]

    def _counted(self, work: Callable[[Coloring], F32], pixels: int) -> Callable[[Coloring], F32]:
        def counting(made: Coloring) -> F32:
            self.spent.add(net_pixels=pixels)
            with self.spent.on(NETWORK):
                return work(made)

        return counting

    def _judged(self, branch: Branch, quality: float, chain: Chain, body: bytes, net: bool) -> Candidate:
        """A bitstream with hints, decoded and scored as the decoder has it."""
        layers = self._enlarged(branch, quality, chain, net)
        layers = replace(layers, coloring=self._decode(body, layers.base.y))
        if layers.luma is None:
            made = branch.advance(layers, chain)
            # What leaves a grey base layer alone need not be named.
            layers, chain = made, chain if made is not layers else Chain()
        layers = branch.advance(layers, self.chain(branch.scale) if net else Chain())
        with self.spent.on(SCORING):
            score = self.score(finished(layers))
        stream = self._stream(branch.stream(quality), chain, body, net)
        return Candidate(stream, coding(quality), score, self._kinds(branch.scale, chain, net))

    def _kinds(self, scale: float, chain: Chain, net: bool) -> frozenset[str]:
        return chain.kinds | (self.chain(scale).kinds if net else frozenset())

    def _stream(self, base: Bitstream, chain: Chain, body: bytes, net: bool) -> Bitstream:
        """A grey stream with a chunk of hints, and with its networks named."""
        kinds = self._kinds(base.scale, chain, net)
        number, named = named_in_stream(self.gray.settings.pipeline, base.codec, base.scale, kinds, hints=net)
        chunks = [chunk for chunk in base.chunks if chunk.tag != NETWORKS_CHUNK]
        chunks += [networks_chunk(named)] if named else []
        chunks += alpha_chunks(self.gray.settings.pipeline.told(kinds))
        return replace(base, pipeline=number, chunks=(*chunks, Chunk(HINTS_CHUNK, body)))
