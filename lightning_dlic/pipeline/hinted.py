"""The search for colour pictures with hints: how many bytes go to the grey base layer and how many to its colour."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlic_registry import DlicError
from lightning_dlic.codec import Bitstream, Chunk, decode_base
from lightning_dlic.codec.container import HINTS_CHUNK, NETWORKS_CHUNK
from lightning_dlic.codec.networks import networks_chunk
from lightning_dlic.operators.layers import Advances
from lightning_dlic.pipeline.assemble import advanced, assemble
from lightning_dlic.pipeline.candidates import Candidate
from lightning_dlic.pipeline.decompress import decode_layers
from lightning_dlic.pipeline.plan import Pipeline, named_in_stream
from lightning_dlic.pipeline.resolve import NET_PIXELS, Chain, open_chain, reason
from lightning_dlic.pipeline.scorers import scorer
from lightning_dlic.pipeline.search import BudgetError, Search, Settings
from lightning_dlic.pipeline.source import Source

if TYPE_CHECKING:
    from lightning_dlic.operators.colorizer import Colorizer

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


def hinted_within(source: Source, settings: Settings, metric: str, text: str, limit: int) -> Candidate:
    """The best bitstream of at most ``limit`` bytes whose colour comes from hints, or as ``text`` allows.

    Args:
        source: A colour picture.
        settings: What may be tried for the base layer; its pipeline's network colours where there is one.
        metric: What is best.
        text: What `parse` reads.
        limit: Bytes of the whole file.

    Raises:
        BudgetError: Nothing fits.
        DlicError: The hints are unknown, or need a network that is not there.
    """
    ask = parse(text)
    found = [*HintedSearch(source, settings, metric, ask).within(limit)]
    if ask.base:
        found += Search(source, settings, scorer(source, metric)).all_within(limit)
    if not found:
        raise BudgetError(f"{limit} bytes are too few for this picture with hints {text!r}.")
    return max(found, key=lambda candidate: (candidate.score, -candidate.size))


@dataclass
class HintedSearch:
    """Searches for one picture.

    Attributes:
        source: A colour picture.
        settings: What may be tried for the base layer.
        metric: What is best.
        ask: The hints to try.
    """

    source: Source
    settings: Settings
    metric: str
    ask: Ask
    _chroma: NDArray[np.float32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Imported here: it takes Numba, which files without hints do without.
        from lightning_dlic.codec.hints.aim import Aim
        from lightning_dlic.codec.hints.chunk import find_hints
        from lightning_dlic.codec.hints.encoder import search

        self._find, self._aim, self._search = find_hints, Aim, search
        self._chroma = np.stack(self.source.planes[1:]).astype(np.float32) - 128
        self._score = scorer(self.source, self.metric)
        gray = Source(self.source.luma, self.source.downsize)
        self._gray = Search(gray, self.settings, scorer(gray, "ssim" if self.metric == "color" else self.metric))
        self._exact = all(codec.exact for codec in self._gray.codecs.values())
        if not self._exact and not self.ask.base:
            raise DlicError(
                f"hints need a base codec that decodes alike everywhere, which {self.settings.codec} does not"
            )
        self._chains: dict[int, Chain] = {}
        if not self.ask.kinds and self._net(self.settings.scales[0]) is None:
            raise DlicError("hints 'none' need a pipeline with a network for colour; for a grey picture write --gray")

    def within(self, limit: int) -> Iterable[Candidate]:
        """The best bitstreams of at most ``limit`` bytes, one or more for each kind of hints."""
        if not self._exact:
            return
        if (not self.ask.kinds or self.ask.base) and self._net(self.settings.scales[0]) is not None:
            yield from self._guessed(limit)
        if not self.ask.kinds:
            return
        if self.ask.budget is not None:
            yield from self._all(limit, self.ask.budget)
            return
        share = self._share(limit)
        if share is not None:
            yield from self._all(limit, self._budget(limit, share))

    def _budget(self, limit: int, share: float) -> int:
        return min(_MOST, max(_LEAST, round(limit * share)))

    def _share(self, limit: int) -> float | None:
        """The share of the bytes that does best for the first kind, found by walking up the hill."""
        scores: dict[int, float] = {}

        def score(index: int) -> float:
            if index not in scores:
                budget = self._budget(limit, _SHARES[index])
                found = self._with(self._base(limit, budget), limit, budget, self.ask.kinds[0], effort=1)
                scores[index] = max((candidate.score for candidate in found), default=float("-inf"))
            return scores[index]

        at = _FIRST if score(_FIRST) > float("-inf") else 0
        for way in (-1, 1):
            while 0 <= at + way < len(_SHARES) and score(at + way) > score(at):
                at += way
        return _SHARES[at] if score(at) > float("-inf") else None

    def _base(self, limit: int, budget: int) -> Candidate | None:
        try:
            return self._gray.within(limit - budget - _FRAME)
        except BudgetError:
            return None

    def _all(self, limit: int, budget: int) -> Iterable[Candidate]:
        base = self._base(limit, budget)
        for kind in self.ask.kinds:
            yield from self._with(base, limit, budget, kind, self.settings.effort)

    def _with(self, base: Candidate | None, limit: int, budget: int, kind: str, effort: int) -> list[Candidate]:
        """A base layer with hints of a kind: for the guided filter, and for the network where there is one."""
        if base is None:
            return []
        from lightning_dlic.codec.hints.chunk import prefix
        from lightning_dlic.codec.hints.regions import guide

        planes, hints = decode_base(base.stream), self._find(kind)
        aim = self._aim.of(planes.y, self._chroma, base.stream.scale)
        luma = self._luma(base)
        ways: list[tuple[Any, Any, Any]] = [(None, None, None)]
        net = self._net(base.stream.scale) if effort > 1 else None
        if net is not None:
            small = guide(planes.y)
            full = effort >= _FULL_FROM
            branches = partial(net.hypotheses, small) if full else None
            final = net.final(luma, aim) if full else None
            ways.append((net.render(small), branches, final))
        made = []
        for render, branches, final in ways:
            # What the base layer has left over goes to the hints, where the user has not said how many they get.
            frame = len(self._hinted(base, bytes(128), render is not None).head()) - 128
            room = limit - len(base.stream.payload) - len(base.stream.tail()) - frame
            least = room if self.ask.budget is None else min(room, budget)
            start = prefix(hints)
            found = self._search(hints, aim, least - len(start) + 1, effort, render, branches, final=final)
            if found is not None:
                stream = self._hinted(base, start + found.body, render is not None)
                made.append(self._judged(stream, base))
        return [candidate for candidate in made if candidate.size <= limit]

    def _guessed(self, limit: int) -> Iterable[Candidate]:
        """A grey base layer whose colours the network guesses."""
        from lightning_dlic.codec.hints.chunk import prefix

        body = prefix(self._find(NONE))
        base = self._base(
            limit,
            len(self._hinted(_empty(self.settings.scales[0]), body, True).head()),
        )
        if base is not None:
            stream = self._hinted(base, body, True)
            yield self._judged(stream, base)

    def _judged(self, stream: Bitstream, base: Candidate) -> Candidate:
        """A bitstream with hints, decoded and scored."""
        layers = decode_layers(stream)
        operators = self._enlargers(base)
        if layers.coloring is not None and layers.coloring.head.net:
            operators = (*operators, *self._chains[stream.scale].operators)
        return Candidate(stream, base.quality, self._score(assemble(layers, operators)))

    def _luma(self, base: Candidate) -> NDArray[np.uint8]:
        """Luma as the decoder has it."""
        return advanced(decode_layers(base.stream), self._enlargers(base)).enlarged()

    def _enlargers(self, base: Candidate) -> tuple[Advances, ...]:
        if not base.kinds:
            return ()
        return open_chain(self.settings.pipeline, base.stream.scale, hints=False).operators

    def _net(self, scale: int) -> Colorizer | None:
        """The network that makes colour of hints."""
        operators: Any = self._coloring(scale).operators
        return operators[-1] if operators else None

    def _coloring(self, scale: int) -> Chain:
        """The networks that work on hints at a scale, loaded when that is tried."""
        if scale not in self._chains:
            small = self.source.height * self.source.width <= NET_PIXELS
            self._chains[scale] = _chain(self.settings.pipeline, scale) if small else Chain()
        return self._chains[scale]

    def _hinted(self, base: Candidate, body: bytes, net: bool) -> Bitstream:
        """A grey stream with a chunk of hints, and with its networks named."""
        kinds = base.kinds | (self._coloring(base.stream.scale).kinds if net else frozenset())
        number, named = named_in_stream(self.settings.pipeline, base.stream.codec, base.stream.scale, kinds, hints=net)
        chunks = [chunk for chunk in base.stream.chunks if chunk.tag != NETWORKS_CHUNK]
        chunks += [networks_chunk(named)] if named else []
        return replace(base.stream, pipeline=number, chunks=(*chunks, Chunk(HINTS_CHUNK, body)))


def _empty(scale: int) -> Candidate:
    return Candidate(Bitstream(1, 1, scale, "hevc", False, b"", 0), 0, 0.0)


def _chain(pipeline: Pipeline, scale: int) -> Chain:
    try:
        return open_chain(pipeline, scale, hints=True)
    except (DlicError, ImportError) as error:
        warnings.warn(f"pipeline {pipeline.name}: {reason(error)} A filter instead.", stacklevel=2)
        return Chain()
