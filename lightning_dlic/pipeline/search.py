"""The encoder's search over scale, base codec, quality, chroma and networks, by running the decoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from dlic_registry import DlicError
from lightning_dlic.codec import CodecError
from lightning_dlic.imaging.numpy.resize import shrunk
from lightning_dlic.pipeline.budget import coarsest_reaching
from lightning_dlic.pipeline.candidates import Branch, Candidate
from lightning_dlic.pipeline.hinted import BASE, Hinted, parse, usual_budget
from lightning_dlic.pipeline.prospects import Prospect, Prospects, large
from lightning_dlic.pipeline.scales import USUAL, coarser, useful, whole, worth_trying
from lightning_dlic.pipeline.scorers import scorer
from lightning_dlic.pipeline.settings import BudgetError, Settings, usable_codecs
from lightning_dlic.pipeline.source import Source
from lightning_dlic.pipeline.spent import Spent

# By effort, how many of the best prospects become files.
_FINISHED = (1, 1, 1, 1, 1, 2, 2, 3, 4)
# Effort from which hints become files whatever their sketch scores; the base codec's chroma always does.
_BOTH_FROM = 7
# How near the two sketches must be below that effort, as a share of what twice the bytes would bring.
_CLOSE = 0.25
# Samples of the largest base layer that is coded only to name the least number of bytes.
_TINY = 1 << 14


class Search:
    """Searches for one picture."""

    def __init__(
        self, source: Source, settings: Settings, metric: str, hints: str = BASE, spent: Spent | None = None
    ) -> None:
        """Prepares a search.

        Args:
            source: The picture.
            settings: What may be tried.
            metric: What is best: one of `scorers.METRICS`.
            hints: How a colour picture gets its colour: ``base``, or what `hinted.parse` reads.
            spent: Goes on counting; from nothing by default.

        Raises:
            DlicError: The hints are unknown, or need what is not there.
        """
        self.source, self.settings = source, settings
        self.spent = spent or Spent()
        self.codecs = usable_codecs(settings)
        self.scales = useful(settings.scales, source.base_pixels)
        score = scorer(source, metric)
        self.whole = Prospects(source, settings, self.codecs, score, self.spent)
        self.hinted = None
        self._ask = None if hints == BASE or not source.color else parse(hints)
        if self._ask is not None and self._ask.base and large(source, settings):
            self._ask = None
        if self._ask is None:
            return
        if not all(codec.exact for codec in self.codecs.values()):
            if not self._ask.base:
                raise DlicError(
                    f"hints need a base codec that decodes alike everywhere, which {settings.codec} does not"
                )
            return
        luma = scorer(source.gray, "ssim" if metric == "color" else metric)
        gray = Prospects(source.gray, settings, self.codecs, luma, self.spent, like=self.whole)
        self.hinted = Hinted(source, self._ask, gray, score)
        if not self._ask.kinds and not self.hinted.chain(math.ceil(settings.scales[0])).operators:
            raise DlicError("hints 'none' need a pipeline with a network for colour; for a grey picture write --gray")

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
        """The bitstreams of at most ``limit`` bytes that the search made in full: by interpolation and by networks."""
        scales = worth_trying(self.scales, limit, self.source.base_pixels)
        return self._all_at(scales, limit) or self._all_at(coarser(self.scales, scales), limit)

    def _all_at(self, scales: Sequence[float], limit: int) -> list[Candidate]:
        count = _FINISHED[self.settings.effort - 1]
        if self.hinted is not None and self._ask is not None and not self._ask.base:
            return self._with_hints(self.hinted, scales, limit, count)
        best, hinted = self.whole.ranked(scales, limit), self.hinted
        if hinted is None:
            return self._made(best, limit, count)
        if not best:
            return self._with_hints(hinted, scales, limit, count)
        if self.settings.threads < 2:
            return self._made(best, limit, count) + self._rivals(hinted, best, limit, count)
        # Base layers in colour and grey ones have nothing in common but the counts.
        with ThreadPoolExecutor(1) as pool:
            made = pool.submit(self._made, best, limit, count)
            rivals = self._rivals(hinted, best, limit, count)
            return made.result() + rivals

    def _rivals(self, hinted: Hinted, best: Sequence[Prospect], limit: int, count: int) -> list[Candidate]:
        """Files with hints at the best prospects, where a sketch of them is near the base codec's chroma or better."""
        budget, found = self._hint_bytes(hinted, best, limit), list[Candidate]()
        if budget is not None:
            found += [each for prospect in best[:count] for each in hinted.finished(prospect, limit, budget)]
        if self.settings.effort >= _BOTH_FROM:
            found += hinted.guessed(best[0], limit)
        return found

    def _made(self, best: Sequence[Prospect], limit: int, count: int) -> list[Candidate]:
        """Files of the best prospects; of the next ones where an estimate was wrong and none of them fits."""
        found: list[Candidate] = []
        for place, prospect in enumerate(best):
            if place >= count and found:
                break
            found += self.whole.finished(prospect, limit)
        return found

    def _with_hints(self, hinted: Hinted, scales: Sequence[float], limit: int, count: int) -> list[Candidate]:
        """Files whose colour comes from hints alone, or from a network's guess."""
        ask = hinted.ask
        budget = 0 if not ask.kinds else ask.budget or usual_budget(limit)
        best = hinted.gray.ranked(whole(scales), max(1, limit - budget))
        if not best:
            return []
        if not ask.kinds:
            return hinted.guessed(best[0], limit)
        if ask.budget is None:
            shared = hinted.shared(math.ceil(best[0].branch.scale), limit)
            budget = budget if shared is None else shared[0]
        return [each for prospect in best[:count] for each in hinted.finished(prospect, limit, budget)]

    def _hint_bytes(self, hinted: Hinted, best: Sequence[Prospect], limit: int) -> int | None:
        """How many bytes hints shall get of a file; None where they need not be tried.

        They are judged by the scout's base layer at the best prospect's scale, and so is their rival: without networks.
        """
        scale = best[0].branch.scale
        scout = next(iter(self.codecs))
        rival = next((each for each in best if each.branch.scale == scale and each.branch.name == scout), best[0])
        shared = hinted.shared(math.ceil(scale), limit)
        if shared is None:
            return None
        budget, score = shared
        near = score > rival.score - _CLOSE * self.whole.slope(scale)
        return hinted.ask.budget or budget if near or self.settings.effort >= _BOTH_FROM else None

    def reaching(self, target: float) -> Candidate:
        """The smallest bitstream whose score reaches ``target``.

        Raises:
            BudgetError: There is none; the message names the best.
        """
        tried = [scale for scale in self.scales if scale <= USUAL] or [min(self.scales)]
        found = self._all_reaching(tried, target)
        for scale in coarser(self.scales, tried):
            if not found or _smallest(found).stream.factor < max(tried):
                break
            tried.append(scale)
            found += self._all_reaching([scale], target)
        if not found:
            raise self._too_good()
        return _smallest(found)

    def _all_reaching(self, scales: Sequence[float], target: float) -> list[Candidate]:
        scout, *others = self.codecs
        found = self.whole.each(self.whole.branches([scout], scales), lambda branch: _reach(branch, target))
        best = sorted(found, key=lambda candidate: candidate.size)
        kept = [candidate.stream.factor for candidate in best[: self.whole.kept]] or list(scales)
        return found + self.whole.each(self.whole.branches(others, kept), lambda branch: _reach(branch, target))

    def fixed(self, quality: float) -> Candidate:
        """The bitstream at a share of the quality steps, 0 to 1, by the first codec at the first scale.

        Raises:
            CodecError: The picture is too long for the codec at that scale.
        """
        (name, codec), scale = next(iter(self.codecs.items())), self.scales[0]
        side = max(self.source.height, self.source.width)
        if shrunk(side, scale) > codec.max_side:
            least = -(-side // codec.max_side)
            raise CodecError(
                f"{name} codes sides of at most {codec.max_side}, and this picture's is {side}: "
                f"ask for scale {least} or more, or another base codec"
            )
        return self.whole.branch(name, scale).candidate(round(quality * (codec.steps - 1)))

    def _too_small(self, limit: int) -> BudgetError:
        scales = self.scales
        small = [scale for scale in scales if self.source.base_pixels(scale) <= _TINY or scale == max(scales)]
        alone = self._ask is None or self._ask.base or self.hinted is None
        if not alone:
            return BudgetError(f"{limit} bytes are too few for this picture with these hints.")
        branches = self.whole.branches(self.codecs, small)
        smallest = min(self.whole.each(branches, lambda branch: branch.least), key=_size, default=None)
        if smallest is None:
            return BudgetError("no base codec codes a picture of this size at the scales allowed")
        what = f"{smallest.stream.codec} at scale {smallest.stream.factor:g}"
        return BudgetError(f"{limit} bytes are too few: the smallest possible is {smallest.size} bytes ({what}).")

    def _too_good(self) -> BudgetError:
        tried = (self.whole.branches(self.codecs, [scale]) for scale in sorted(self.scales))
        branches = next((found for found in tried if found), None)
        if branches is None:
            return BudgetError("no base codec codes a picture of this size at the scales allowed")
        finest = self.whole.each(branches, lambda branch: branch.candidate(branch.codec.steps - 1))
        best = max((candidate.score for candidate in finest), default=float("nan"))
        return BudgetError(f"no bitstream reaches the target: the best possible is {abs(best):.4g}.")


def _reach(branch: Branch, target: float) -> Candidate | None:
    """The coarsest quality that reaches a score: networks run near it alone, interpolation says where that is."""
    steps, gain = branch.codec.steps, 0.0

    def expected(quality: int) -> float:
        return branch.interpolated(quality).score + gain

    found = coarsest_reaching(expected, steps, target, steps // 2)
    if not branch.has_net or not branch.chain.operators:
        return None if found is None else branch.interpolated(found)
    near = steps - 1 if found is None else found
    gain = branch.candidate(near).score - branch.interpolated(near).score
    found = coarsest_reaching(expected, steps, target, near)
    near = steps - 1 if found is None else found
    while near < steps - 1 and branch.candidate(near).score < target:
        near += 1
    if branch.candidate(near).score < target:
        return None
    while near > 0 and branch.candidate(near - 1).score >= target:
        near -= 1
    return branch.candidate(near)


def _size(candidate: Candidate) -> int:
    return candidate.size


def _smallest(found: Sequence[Candidate]) -> Candidate:
    return min(found, key=lambda candidate: (candidate.size, -candidate.score))
