"""What each base codec promises at each scale, learned from few encodings; and the file that keeps the promise."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from dlic_registry import DlicError
from lightning_dlic.codec import BaseCodec, CodecError
from lightning_dlic.imaging.numpy.resize import shrunk
from lightning_dlic.pipeline.budget import Rate, approach
from lightning_dlic.pipeline.candidates import Branch, Candidate, Score
from lightning_dlic.pipeline.plan import Pipeline
from lightning_dlic.pipeline.resolve import Chain, open_chain, reason
from lightning_dlic.pipeline.settings import Settings
from lightning_dlic.pipeline.source import Source
from lightning_dlic.pipeline.spent import Spent
from lightning_dlic.pipeline.trials import UNUSED, first_trials

_T = TypeVar("_T")
# By effort: at how many of the scout's best scales the other codecs are tried, pictures that networks make before it is
# known which file it will be, and encodings spent to fill a file.
_SCALES_KEPT = (1, 1, 1, 1, 1, 2, 3, 3, 16)
_LOOKS = (1, 1, 1, 1, 1, 2, 3, 4, 8)
_FILLING = (2, 3, 3, 3, 3, 5, 5, 5, 6)
# By how much fewer bytes must score more to be preferred, as a share of what twice the bytes would bring.
_CHANCE = 0.03
# Scales are tried from coarse to fine until a score falls by what this share of twice the bytes would bring.
_FALL = 0.3
# Two scales are as good as one another where the same share of twice the bytes would make up for the difference.
_TIED = 0.1
# Pixels of a picture from which, up to an effort, no network runs before it is known which file it will be, and hints
# are not tried beside the base codec's chroma.
_LARGE, _FRUGAL = 1 << 22, 5


@dataclass(frozen=True)
class Prospect:
    """What a branch promises.

    Attributes:
        branch: The base codec and the scale.
        quality: Where the limit is expected to be met; may be a fraction.
        score: What is expected there by interpolation.
        seen: The quality nearest to it that has been tried.
        gain: What networks are expected to add to the score; None where that is not known.
    """

    branch: Branch
    quality: float
    score: float
    seen: float
    gain: float | None = None

    @property
    def worth(self) -> float:
        """The score that is expected of the better way, or of the network where it must be used."""
        gain = self.gain or 0.0
        return self.score + (gain if self.branch.needs_net else max(0.0, gain))

    @property
    def networked(self) -> bool:
        """Whether networks are worth running."""
        return self.branch.has_net and (self.gain is None or self.gain > 0 or self.branch.needs_net)


class Prospects:
    """All base codecs at all scales for one picture."""

    def __init__(
        self,
        source: Source,
        settings: Settings,
        codecs: dict[str, BaseCodec],
        score: Score,
        spent: Spent,
        like: Prospects | None = None,
    ) -> None:
        """Prepares.

        Args:
            source: The picture.
            settings: What may be tried.
            codecs: The base codecs, the scout first.
            score: Judges a decoded picture; more is better.
            spent: Counts.
            like: Those of a picture that takes about as many bytes.
        """
        self.like = like
        self.source, self.settings, self.codecs, self.score, self.spent = source, settings, codecs, score, spent
        # By scale, how many times more bytes than usual this picture takes, as a power of two; and what twice the bytes
        # add to the score. The scout finds out.
        self._demand: dict[float, float] = {}
        self._slopes: dict[float, float] = {}
        self._known: dict[tuple[str, float], Branch] = {}
        self._chains: dict[int, Chain] = {}

    @property
    def kept(self) -> int:
        """At how many scales other codecs than the scout are tried."""
        return _SCALES_KEPT[self.settings.effort - 1]

    def branch(self, name: str, scale: float) -> Branch:
        """The branch of a codec and a scale."""
        if (name, scale) not in self._known:
            settings, codec = self.settings, self.codecs[name]

            def opening() -> Chain:
                return self._chain(scale)

            made = Branch(
                self.source, name, codec, scale, settings.effort, settings.pipeline, opening, self.score, self.spent
            )
            self._known[name, scale] = made
        return self._known[name, scale]

    def branches(self, names: Iterable[str], scales: Iterable[float]) -> list[Branch]:
        """Those of some codecs and scales that suit this picture."""
        pairs = [(name, scale) for scale in scales for name in names]
        return [self.branch(*pair) for pair in pairs if self._suits(*pair)]

    def ranked(self, scales: Sequence[float], limit: int) -> list[Prospect]:
        """What can be expected of files of at most ``limit`` bytes, the best first.

        Of the scout at all scales that lead somewhere; of the others at the best of them, or at all if it found none.
        """
        scout, *others = self.codecs
        seen = self._looked(self._scouted(scout, scales, limit))
        kept = self._kept(sorted(seen, key=_worth, reverse=True)) or list(scales)
        gains = {prospect.branch.scale: prospect.gain for prospect in seen if prospect.branch.has_net}
        rest = self._glanced(self.branches(others, kept), limit)
        seen += [replace(prospect, gain=gains.get(prospect.branch.scale)) for prospect in rest]
        return sorted(seen, key=_worth, reverse=True)

    def glance(self, branch: Branch, limit: int) -> Prospect | None:
        """What a branch promises; None where not even the coarsest quality fits."""
        return next(iter(self._glanced([branch], limit)), None)

    def _glanced(self, branches: list[Branch], limit: int) -> list[Prospect]:
        """What some branches promise; none begins with what another finds out meanwhile."""
        starts = {id(branch): self._expected(branch, limit) for branch in branches}
        seen = self.each(branches, lambda branch: first_trials(branch, limit, starts[id(branch)]))
        for trial in seen:
            scale, octave = trial.branch.scale, trial.branch.codec.start[1]
            if trial.slope is not None:
                self._slopes.setdefault(scale, max(0.0, trial.slope))
            self._demand.setdefault(scale, (self._usual(trial.branch, limit) - trial.quality) / octave)
        return [
            Prospect(each.branch, each.quality, each.score + each.left * self.slope(each.branch.scale), each.near)
            for each in seen
        ]

    def slope(self, scale: float) -> float:
        """What twice the bytes add to the score at a scale, as far as is known."""
        known = self._slopes.values()
        return self._slopes.get(scale, sum(known) / len(known) if known else 0.0)

    def fitting(self, branch: Branch, limit: int, start: float, net: bool, rate: Rate | None = None) -> float | None:
        """The best quality that keeps a limit and uses it, among those that some encodings find; None where none does.

        Args:
            branch: The base codec and the scale.
            limit: Bytes of the whole file.
            start: Quality to begin with.
            net: Whether networks are named.
            rate: How near the limit; by default as the effort says.
        """
        octave = branch.codec.start[1]
        # Those that begin with whole qualities are quick, and have farther to go.
        trials = _FILLING[self.settings.effort - 1] + (0 if branch.smooth else 3)
        rate = rate or Rate(start, octave, trials, UNUSED, whole=not branch.smooth)
        found = approach(lambda quality: branch.size(quality, net), branch.codec.steps, limit, rate, branch.tried)
        fits = sorted((quality for quality, excess in found.items() if excess <= 0), key=found.__getitem__)[-2:]
        if len(fits) > 1 and found[fits[0]] < found[fits[1]] - 0.1:
            return fits[1]
        # More bytes that score less by chance are no worse where networks, or another measure, have the last word.
        chance = _CHANCE * self.slope(branch.scale)
        scores = {quality: branch.interpolated(quality).score for quality in fits}
        if len(fits) > 1 and scores[fits[0]] <= scores[fits[1]] + chance:
            return fits[1]
        return next(iter(fits), None)

    def finished(self, prospect: Prospect, limit: int) -> list[Candidate]:
        """Files of at most ``limit`` bytes that use them, by interpolation and by networks as far as worth it."""
        branch, net = prospect.branch, prospect.networked
        quality = self.fitting(branch, limit, prospect.quality, net)
        if quality is None and net and not branch.needs_net:
            # Without a network there is none to be named.
            quality, net = self.fitting(branch, limit, prospect.quality, False), False
        if quality is None:
            return []
        found = [] if branch.needs_net else [branch.interpolated(quality)]
        return [*found, branch.networked(quality)] if net else found

    def each(self, branches: list[Branch], work: Callable[[Branch], _T | None]) -> list[_T]:
        """Does the same for some branches, several at a time; what fails on this picture is out of the running."""

        def guarded(branch: Branch) -> _T | None:
            try:
                return work(branch)
            except CodecError:
                # Unless nothing else was asked for.
                if self.settings.codec != "auto":
                    raise
                return None

        # Base layers first and here: threads that wait for one another's work would do it twice.
        for scale in {branch.scale for branch in branches}:
            self.source.small(scale)
        with ThreadPoolExecutor(self.settings.threads) as pool:
            return [found for found in pool.map(guarded, branches) if found is not None]

    def _scouted(self, scout: str, scales: Sequence[float], limit: int) -> list[Prospect]:
        """The scout at scales from coarse to fine, as long as that leads somewhere."""
        found: list[Prospect] = []
        falling = sorted(scales, reverse=True)
        # The first tells where the next two should begin, which are coded at once.
        for pair in [falling[:1], *(falling[at : at + 2] for at in range(1, len(falling), 2))]:
            prospects = self._glanced(self.branches([scout], pair), limit)
            if not prospects and (found or not pair):
                break
            found += prospects
            best = max((prospect.score for prospect in found), default=0.0)
            fallen = found and found[-1].score < best - _FALL * self.slope(pair[-1])
            if fallen and self.settings.effort < len(_SCALES_KEPT):
                break
        return found

    def _looked(self, seen: list[Prospect]) -> list[Prospect]:
        """The same with what networks add: measured at the scales where that may decide, else the least measured."""
        effort, gains = self.settings.effort, dict[float, float]()
        for prospect in sorted(seen, key=_worth, reverse=True):
            if large(self.source, self.settings) or len(gains) >= _LOOKS[effort - 1]:
                break
            best = max((each.score + max(0.0, gains.get(each.branch.scale, 0.0)) for each in seen), default=0.0)
            hope = 2 * max(gains.values(), default=math.inf)
            if prospect.branch.has_net and (prospect.score + hope >= best or prospect.branch.needs_net):
                gains[prospect.branch.scale] = self._gain(prospect)
        least = min(gains.values(), default=None)
        return [
            replace(each, gain=gains.get(each.branch.scale, least)) if each.branch.has_net else each for each in seen
        ]

    def _kept(self, best: Sequence[Prospect]) -> list[float]:
        """Scales of the best prospects, and of the next one where it is as good as these."""
        tied = [
            each
            for each in best[self.kept : self.kept + 1]
            if each.worth >= best[0].worth - _TIED * self.slope(each.branch.scale)
        ]
        return [prospect.branch.scale for prospect in (*best[: self.kept], *tied)]

    def _gain(self, prospect: Prospect) -> float:
        """What networks add to a score, less what the bytes that name them are worth."""
        branch, quality = prospect.branch, prospect.seen
        price = math.log2(branch.size(quality, True) / branch.size(quality)) * self.slope(branch.scale)
        return branch.networked(quality).score - branch.interpolated(quality).score - price

    def _suits(self, name: str, scale: float) -> bool:
        """Whether a codec can code the base layer, and quickly enough where nobody asked for it by name."""
        codec, side = self.codecs[name], max(self.source.height, self.source.width)
        quick = self.settings.codec != "auto" or self.source.base_pixels(scale) <= codec.auto_pixels
        return quick and shrunk(side, scale) <= codec.max_side

    def _expected(self, branch: Branch, limit: int) -> float:
        """Quality at which this picture should meet a limit, as far as it is known by now."""
        return self._usual(branch, limit) - branch.codec.start[1] * self.demand(branch.scale)

    def demand(self, scale: float) -> float:
        """How many times more bytes than usual this picture takes at a scale, as a power of two: known or expected."""
        known = dict(self._demand)
        if scale in known:
            return known[scale]
        if not known:
            return self.like.demand(scale) if self.like else 0.0
        near = sorted(known, key=lambda each: (abs(math.log2(each / scale)), each))[:2]
        if len(near) < 2:
            return known[near[0]]
        # It goes about evenly with the scale's logarithm.
        first, second = (math.log2(each) for each in near)
        away = (math.log2(scale) - first) / (second - first)
        return known[near[0]] + away * (known[near[1]] - known[near[0]])

    def _usual(self, branch: Branch, size: int) -> float:
        """Quality at which a codec usually spends so many bytes on a base layer of that size."""
        quality, octave = branch.codec.start
        return quality + octave * math.log2(max(1, 8 * size) / self.source.base_pixels(branch.scale) / 0.1)

    def _chain(self, scale: float) -> Chain:
        """The networks for a scale, loaded when they are first to work."""
        whole = math.ceil(scale)
        if whole not in self._chains:
            self._chains[whole] = opened(self.settings.pipeline, whole, hints=False)
        return self._chains[whole]


def large(source: Source, settings: Settings) -> bool:
    """Whether a picture is so large that the effort allows only what must be."""
    return source.height * source.width > _LARGE and settings.effort <= _FRUGAL


def opened(pipeline: Pipeline, scale: float, *, hints: bool) -> Chain:
    """The networks of a pipeline at a scale; none, with a warning, where they cannot be had."""
    try:
        return open_chain(pipeline, scale, hints=hints)
    except (DlicError, ImportError) as error:
        instead = "A filter" if hints else "Bicubic"
        warnings.warn(f"pipeline {pipeline.name}: {reason(error)} {instead} instead.", stacklevel=4)
        return Chain()


def _worth(prospect: Prospect) -> float:
    return prospect.worth
