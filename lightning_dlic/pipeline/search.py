"""The encoder's search over scale, base codec and quality, by running the decoder."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from dlic_registry import OWN, DlicError, RegistryError, entries
from lightning_dlic.codec import BaseCodec, CodecError, base_codec
from lightning_dlic.pipeline.budget import coarsest_reaching, finest_within
from lightning_dlic.pipeline.candidates import Branch, Candidate, Score
from lightning_dlic.pipeline.plan import Pipeline
from lightning_dlic.pipeline.resolve import NET_PIXELS, Chain, open_chain, reason
from lightning_dlic.pipeline.scales import SCALES, USUAL, coarser, useful, worth_trying
from lightning_dlic.pipeline.source import Source

EFFORTS = range(1, 10)
_SCOUT = "hevc"
# By effort, at how many of the scout's best scales the other codecs are tried.
_SCALES_KEPT = (1, 1, 1, 1, 1, 2, 3, 3)
# Effort up to which codecs at one scale are compared by bicubic interpolation, and the network runs for the best.
_GLANCES = 5
# Pixels of a picture from which, up to that effort, this holds for all scales together: networks take seconds there.
_LARGE = 1 << 22
# Samples of the largest base layer that is coded only to name the least number of bytes.
_TINY = 1 << 14


class BudgetError(DlicError):
    """No bitstream is small enough, or good enough; the message names the nearest."""


@dataclass(frozen=True)
class Settings:
    """What the search may try.

    Attributes:
        codec: Name of the base codec; ``auto`` tries the exact ones that the effort allows.
        scales: Factors of downsizing to try.
        effort: 1, fastest, to 9, smallest.
        pipeline: Its networks enlarge, where they are here.
        threads: Encodings at a time; the result does not depend on it.
    """

    codec: str = "auto"
    scales: tuple[int, ...] = SCALES
    effort: int = 5
    pipeline: Pipeline = field(default_factory=lambda: Pipeline("bicubic"))
    threads: int = 2


def usable_codecs(settings: Settings) -> dict[str, BaseCodec]:
    """Base codecs to try, the scout first.

    Raises:
        RegistryError: The codec that was asked for is not registered.
        DlicError: It refuses the pipeline's arguments.
        CodecError: Its encoder is not installed.
    """
    if settings.codec != "auto":
        own = settings.codec == settings.pipeline.base
        codec = base_codec(settings.codec, settings.pipeline.base_args if own else None)
        if codec.missing():
            raise CodecError(f"base codec {settings.codec} cannot encode here. Install: {codec.missing()}")
        return {settings.codec: codec}
    found = {}
    names = [entry.name for entry in entries("codec")]
    for entry in entries("codec"):
        # A name that another has too needs its distribution, but for ours, which the format knows by theirs.
        name = entry.name if names.count(entry.name) == 1 or entry.distribution == OWN else entry.qualified
        try:
            codec = base_codec(name)
        except RegistryError as error:
            warnings.warn(str(error).splitlines()[0], stacklevel=2)
            continue
        allowed = codec.exact and codec.auto_effort is not None and codec.auto_effort <= settings.effort
        if allowed and not codec.missing():
            found[name] = codec
    return dict(sorted(found.items(), key=lambda item: (item[0] != _SCOUT, item[0])))


class Search:
    """Searches for one picture."""

    def __init__(self, source: Source, settings: Settings, score: Score) -> None:
        """Prepares a search.

        Args:
            source: The picture.
            settings: What may be tried.
            score: Judges a decoded picture; more is better.
        """
        self.source, self.settings, self.score = source, settings, score
        self.codecs = usable_codecs(settings)
        self.scales = useful(settings.scales, source.base_pixels)
        # By scale, how many times more bytes than usual this picture takes, as a power of two; the scout finds out.
        self._demand: dict[int, float] = {}
        self._known: dict[tuple[str, int], Branch] = {}
        self._chains: dict[int, Chain] = {}

    def within(self, limit: int) -> Candidate:
        """The best bitstream of at most ``limit`` bytes.

        Raises:
            BudgetError: There is none; the message names the smallest.
        """
        found = self.all_within(limit)
        if not found:
            raise self._too_small(limit)
        return max(found, key=lambda candidate: (candidate.score, -candidate.size))

    def all_within(self, limit: int) -> list[Candidate]:
        """The finest bitstream of at most ``limit`` bytes for each codec and scale that was worth trying."""
        scales = worth_trying(self.scales, limit, self.source.base_pixels)
        found = self._all_at(scales, limit)
        return found or self._all_at(coarser(self.scales, scales), limit)

    def _all_at(self, scales: list[int], limit: int) -> list[Candidate]:
        return self._narrow(
            scales,
            lambda branch: self._fit(branch, limit),
            lambda candidate: candidate.score,
            lambda branch: self._fit(branch, limit, net=False),
        )

    def reaching(self, target: float) -> Candidate:
        """The smallest bitstream whose score reaches ``target``.

        Raises:
            BudgetError: There is none; the message names the best.
        """
        tried = [scale for scale in self.scales if scale <= USUAL] or [min(self.scales)]
        found = self._all_reaching(tried, target)
        for scale in coarser(self.scales, tried):
            if not found or _smallest(found).stream.scale < max(tried):
                break
            tried.append(scale)
            found += self._all_reaching([scale], target)
        if not found:
            raise self._too_good()
        return _smallest(found)

    def _all_reaching(self, scales: list[int], target: float) -> list[Candidate]:
        return self._narrow(scales, lambda branch: self._reach(branch, target), lambda candidate: -candidate.size)

    def fixed(self, quality: float) -> Candidate:
        """The bitstream at a share of the quality steps, 0 to 1, by the first codec at the first scale.

        Raises:
            CodecError: The picture is too long for the codec at that scale.
        """
        (name, codec), scale = next(iter(self.codecs.items())), self.scales[0]
        side = max(self.source.height, self.source.width)
        if -(-side // scale) > codec.max_side:
            least = -(-side // codec.max_side)
            raise CodecError(
                f"{name} codes sides of at most {codec.max_side}, and this picture's is {side}: "
                f"ask for scale {least} or more, or another base codec"
            )
        branch = self._branch(name, scale)
        return branch.candidate(round(quality * (branch.codec.steps - 1)))

    def _chain(self, scale: int) -> Chain:
        """The networks for a scale, loaded when that is tried; none for pictures on which decoders run none."""
        if self.source.height * self.source.width > NET_PIXELS:
            return Chain()
        if scale not in self._chains:
            self._chains[scale] = _chain(self.settings.pipeline, scale)
        return self._chains[scale]

    def _branch(self, name: str, scale: int) -> Branch:
        """The branch of a codec and a scale, with what earlier calls have encoded."""
        if (name, scale) not in self._known:
            settings, codec, chain = self.settings, self.codecs[name], self._chain(scale)
            made = Branch(self.source, name, codec, scale, settings.effort, settings.pipeline, chain, self.score)
            self._known[name, scale] = made
        return self._known[name, scale]

    def _branches(self, names: Iterable[str], scales: Iterable[int]) -> list[Branch]:
        side = max(self.source.height, self.source.width)
        pairs = [(name, scale) for scale in scales for name in names]
        return [self._branch(*pair) for pair in pairs if self._suits(self.codecs[pair[0]], pair[1], side)]

    def _suits(self, codec: BaseCodec, scale: int, side: int) -> bool:
        """Whether a codec can code the base layer, and quickly enough where nobody asked for it by name."""
        quick = self.settings.codec != "auto" or self.source.base_pixels(scale) <= codec.auto_pixels
        return quick and -(-side // scale) <= codec.max_side

    def _narrow(
        self,
        scales: list[int],
        solve: Callable[[Branch], Candidate | None],
        worth: Callable[[Candidate], float],
        glance: Callable[[Branch], Candidate | None] | None = None,
    ) -> list[Candidate]:
        """One codec scouts all scales; the others try the best of them, or all of them where it found nothing.

        With ``glance``, a quicker ``solve``, only the best of the others at a scale is solved at the lower efforts, and
        of a large picture only the best of all.
        """
        glance = glance if self.settings.effort <= _GLANCES else None
        frugal = glance is not None and self.source.height * self.source.width > _LARGE
        if glance is None or not frugal:
            return self._all_of(scales, solve, worth, glance)
        found = self._all_of(scales, glance, worth, None)
        networked = [candidate for candidate in found if self._chain(candidate.stream.scale).operators]
        if networked:
            best = max(networked, key=worth).stream
            found += self._solve([self._branch(best.codec, best.scale)], solve)
        if self.settings.pipeline.always:
            found = [candidate for candidate in found if candidate not in networked]
        return found

    def _all_of(
        self,
        scales: list[int],
        solve: Callable[[Branch], Candidate | None],
        worth: Callable[[Candidate], float],
        glance: Callable[[Branch], Candidate | None] | None,
    ) -> list[Candidate]:
        scout, *others = self.codecs
        found = self._solve(self._branches([scout], scales), solve)
        self._learn(found)
        best = sorted(found, key=worth, reverse=True)
        keep = _SCALES_KEPT[self.settings.effort - 1] if self.settings.effort < 9 else len(scales)
        tried = [candidate.stream.scale for candidate in best[:keep]] or scales
        branches = self._branches(others, tried)
        if glance:
            branches = self._leading(branches, glance, worth)
        return found + self._solve(branches, solve)

    def _leading(
        self,
        branches: list[Branch],
        glance: Callable[[Branch], Candidate | None],
        worth: Callable[[Candidate], float],
    ) -> list[Branch]:
        """The best branch of each scale, at a glance."""
        seen = self._solve(branches, glance)
        best = {candidate.stream.scale: candidate for candidate in sorted(seen, key=worth)}
        return [self._branch(candidate.stream.codec, scale) for scale, candidate in best.items()]

    def _solve(self, branches: list[Branch], solve: Callable[[Branch], Candidate | None]) -> list[Candidate]:
        def guarded(branch: Branch) -> Candidate | None:
            try:
                return solve(branch)
            except CodecError:
                # An encoder that fails on one picture is out of the running, unless nothing else was asked for.
                if self.settings.codec != "auto":
                    raise
                return None

        # Base layers first and here: threads that wait for one another's work would do it twice.
        for scale in {branch.scale for branch in branches}:
            self.source.small(scale)
        with ThreadPoolExecutor(self.settings.threads) as pool:
            return [candidate for candidate in pool.map(guarded, branches) if candidate]

    def _learn(self, found: list[Candidate]) -> None:
        for candidate in found:
            scale, codec = candidate.stream.scale, self.codecs[candidate.stream.codec]
            usual = self._usual(codec, scale, candidate.size)
            self._demand[scale] = (usual - candidate.quality) / codec.start[1]

    def _usual(self, codec: BaseCodec, scale: int, size: int) -> float:
        """Quality at which a codec usually spends so many bytes on a base layer of that size."""
        quality, octave = codec.start
        return quality + octave * math.log2(max(1, 8 * size) / self.source.base_pixels(scale) / 0.1)

    def _fit(self, branch: Branch, limit: int, net: bool = True) -> Candidate | None:
        octave = branch.codec.start[1]
        guess = self._usual(branch.codec, branch.scale, limit) - octave * self._demand.get(branch.scale, 0.0)
        if net:
            found = finest_within(branch.size, branch.codec.steps, limit, (guess, octave))
            if found is not None:
                return branch.candidate(found)
            if branch.needs_net:
                return None
        # Without a network there is none to be named.
        found = finest_within(branch.plain_size, branch.codec.steps, limit, (guess, octave))
        return None if found is None else branch.interpolated(found)

    def _reach(self, branch: Branch, target: float) -> Candidate | None:
        def score(quality: int) -> float:
            return branch.candidate(quality).score

        found = coarsest_reaching(score, branch.codec.steps, target, branch.codec.steps // 2)
        return None if found is None else branch.candidate(found)

    def _too_small(self, limit: int) -> BudgetError:
        scales = self.scales
        small = [scale for scale in scales if self.source.base_pixels(scale) <= _TINY or scale == max(scales)]
        branches = self._branches(self.codecs, small)
        smallest = min(self._solve(branches, lambda branch: branch.least), key=_size, default=None)
        if smallest is None:
            return BudgetError("no base codec codes a picture of this size at the scales allowed")
        what = f"{smallest.stream.codec} at scale {smallest.stream.scale}"
        return BudgetError(f"{limit} bytes are too few: the smallest possible is {smallest.size} bytes ({what}).")

    def _too_good(self) -> BudgetError:
        tried = (self._branches(self.codecs, [scale]) for scale in sorted(self.scales))
        branches = next((found for found in tried if found), None)
        if branches is None:
            return BudgetError("no base codec codes a picture of this size at the scales allowed")
        finest = self._solve(branches, lambda branch: branch.candidate(branch.codec.steps - 1))
        best = max((candidate.score for candidate in finest), default=float("nan"))
        return BudgetError(f"no bitstream reaches the target: the best possible is {abs(best):.4g}.")


def _size(candidate: Candidate) -> int:
    return candidate.size


def _smallest(found: list[Candidate]) -> Candidate:
    return min(found, key=lambda candidate: (candidate.size, -candidate.score))


def _chain(pipeline: Pipeline, scale: int) -> Chain:
    try:
        return open_chain(pipeline, scale, hints=False)
    except (DlicError, ImportError) as error:
        warnings.warn(f"pipeline {pipeline.name}: {reason(error)} Bicubic instead.", stacklevel=3)
        return Chain()
