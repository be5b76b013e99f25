"""The encoder's search: the regions and colours that come nearest to a picture's chroma in so many bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.hints import coder as coding
from lightning_dlic.codec.hints import syntax
from lightning_dlic.codec.hints.aim import Aim
from lightning_dlic.codec.hints.base import MAX_COUNT, MAX_STEP, Coloring, Head, Hints, Targets, prepared
from lightning_dlic.codec.hints.code import BLUE, BOTH, RED
from lightning_dlic.codec.hints.regions import Regions
from lightning_dlic.codec.hints.spread import Spread
from lightning_dlic.codec.hints.syntax import MAX_BRANCHES
from lightning_dlic.imaging.jit import njit

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
# Regions a byte that may be tried, where to begin, and how many are tried at most, by effort; and the price of a bit in
# squared steps.
_DENSITIES = (0.8, 1.2, 1.8, 2.6, 3.6, 5.0, 7.0, 10.0)
_BEGIN = 4
_TRIED = (1, 1, 2, 2, 4, 5, 8, 8, 8)
_PRICE = 0.15
_ROUNDS = 2
_FILLING = 7
# About what naming a branch costs.
_BRANCH_BITS = 3.0

Render = Callable[[Coloring], F32]
"""Gives the chroma of a colouring at the guide's size, in levels about 0, ``[2, h, w]``."""
Hypotheses = Callable[[Coloring], F32]
"""Gives the chroma of all branches of a network, ``[K, 2, h, w]``."""


@dataclass(frozen=True)
class Found:
    """A chunk of hints.

    Attributes:
        body: Its bytes, without those that name its kind.
        colouring: What they decode to.
        error: Mean squared error of R, G and B under the true luma, in squared levels.
    """

    body: bytes
    coloring: Coloring
    error: float


def search(
    hints: Hints,
    aim: Aim,
    budget: int,
    effort: int = 5,
    render: Render | None = None,
    hypotheses: Hypotheses | None = None,
    net: bool | None = None,
    final: Render | None = None,
) -> Found | None:
    """The best chunk of at most ``budget`` bytes.

    Args:
        hints: Says how the regions lie.
        aim: What to come near to.
        budget: Bytes of the chunk's body, the one that names its kind among them.
        effort: 1, fastest, to 9.
        render: The network that the decoder will make the chroma with; the guided filter by default.
        hypotheses: The network's branches, where regions may name one instead of a colour.
        net: Whether the chunk says that a network makes the chroma; by default where ``render`` is given.
        final: As ``render``, but at the size that the decoder works at: colours are corrected by it in the end.

    Returns:
        None where not even one region's colour fits.
    """
    net = render is not None if net is None else net
    # The filter finds the number of regions for networks too, which take a hundred times as long.
    best = _climbed(lambda count: Trial(hints, aim, count, None, net), budget, _TRIED[effort - 1])
    if best is None:
        return None
    found, trial = best
    if render is not None:
        other = Trial(hints, aim, trial.count, render, net)
        made = other.within(budget - 1)
        found, trial = (made, other) if made is not None else best
    if hypotheses is not None:
        found = trial.with_branches(found, hypotheses, budget - 1)
    return found if final is None else trial.finished(found, final, budget - 1)


def _climbed(build: Callable[[int], Trial], budget: int, most: int) -> tuple[Found, Trial] | None:
    """The best number of regions, found by walking up the hill; of at most so many trials, or the first that fits."""
    wanted = [min(MAX_COUNT, max(1, round(budget * density))) for density in _DENSITIES]
    counts = sorted(set(wanted))
    tried: dict[int, tuple[Found | None, Trial]] = {}

    def error_of(place: int) -> float:
        if place not in tried:
            trial = build(counts[place])
            tried[place] = trial.within(budget - 1), trial
        found = tried[place][0]
        return found.error if found else np.inf

    at = counts.index(wanted[_BEGIN])
    while np.isinf(error_of(at)) and at > 0:
        at -= 1
    for way in (1, -1):
        while 0 <= at + way < len(counts) and len(tried) < most and error_of(at + way) < error_of(at):
            at += way
    found, trial = tried[at]
    return (found, trial) if found else None


class Trial:
    """The search with one number of regions.

    Attributes:
        regions: What both ends know of them.
        targets: What was wanted of each when it was last coded.
    """

    def __init__(
        self, hints: Hints, aim: Aim, count: int, render: Render | None = None, net: bool | None = None
    ) -> None:
        """Cuts the regions.

        Args:
            hints: Says how they lie.
            aim: What to come near to.
            count: About how many.
            render: The network; the guided filter where there is none.
            net: As in `search`.
        """
        self.aim, self.count, self.branches = aim, count, 0
        self.net = render is not None if net is None else net
        self.regions, self.models = prepared(aim.luma, hints.labels(aim.luma, count), self.net)
        self.targets = Targets.unknown(self.regions.count)
        self.sizes = np.bincount(self.regions.labels.ravel(), minlength=self.regions.count)
        self.worth = worth(self.sizes, self.regions)
        spread = Spread(aim.luma, self.regions.count)
        self.render: Render = render or (lambda made: _smooth(spread, made))

    def within(self, budget: int) -> Found | None:
        """The best chunk of at most ``budget`` bytes; None where there is none."""
        targets, means = self.targets, self._means(self.aim.chroma)
        spread = self._means(self.render(self._as(means)))
        # What smoothing takes away is put on beforehand, as far as it goes in one step.
        targets = replace(targets, colors=2 * means - spread, worth=self.worth)
        step = self._step(targets, budget)
        best: Found | None = None
        for _ in range(_ROUNDS if step else 0):
            found, left = self._filled(targets, step or 1, budget)
            if found is None or (best is not None and found.error >= best.error):
                break
            best, self.targets = found, targets
            targets = replace(targets, colors=found.coloring.colors / (1 << syntax.POINT) + self._means(left))
        return best

    def with_branches(self, found: Found, hypotheses: Hypotheses, budget: int) -> Found:
        """The chunk again, with branches named where they come nearer for their bits, if it gains by that."""
        made = found.coloring
        maps = hypotheses(made)[:MAX_BRANCHES]
        errors = np.stack([self._errors(self.aim.chroma - chroma) for chroma in maps])
        bits = 8 * len(found.body) / len(made.colors)
        price = _PRICE * made.head.step**2
        gain = self._errors(self.aim.chroma - self.render(made)) - errors.min(0) + price * (bits - _BRANCH_BITS)
        named = np.where(gain > 0, errors.argmin(0), -1)
        if len(maps) < 2 or (named < 0).all():
            return found
        wanted = self._means(self.aim.chroma - self.render(made)) + made.colors / (1 << syntax.POINT)
        targets = Targets(wanted, self.worth, 0.0, named.astype(np.int64))
        self.branches = len(maps)
        other, _ = self._filled(targets, made.head.step, budget)
        self.branches = 0
        return other if other is not None and other.error < found.error else found

    def finished(self, found: Found, final: Render, budget: int) -> Found:
        """The chunk with colours corrected once more, for what the decoder will make of them, if it gains by that."""
        made, left = found.coloring, self.aim.chroma - final(found.coloring)
        wanted = made.colors / (1 << syntax.POINT) + self._means(left)
        targets = replace(self.targets, colors=wanted, branches=made.branches)
        self.branches, self.render = made.head.branches, final
        other, _ = self._filled(targets, made.head.step, budget)
        known = replace(found, error=error(left))
        return other if other is not None and other.error < known.error else known

    def _errors(self, left: F32) -> F64:
        """Squared error of each region, for which a usual region's size counts as one."""
        blue, red = left
        whole = (BLUE * blue * blue + RED * red * red + BOTH * blue * red).ravel()
        sums: F64 = np.bincount(self.regions.labels.ravel(), whole, self.regions.count) / self.sizes.mean()
        return sums

    def _as(self, colors: F64) -> Coloring:
        whole = np.round(colors * (1 << syntax.POINT)).astype(np.int64)
        branches, sent = np.full(len(whole), -1, np.int64), np.ones(len(whole), np.bool_)
        return Coloring(Head(1, self.count), self.regions.labels, whole, branches, sent, 1)

    def _means(self, planes: F32) -> F64:
        flat = self.regions.labels.ravel()
        sums = [np.bincount(flat, plane.ravel(), self.regions.count) / self.sizes for plane in planes]
        return np.stack(sums, axis=1)

    def _size(self, targets: Targets, step: int, price: float) -> float:
        """About how many bytes: costs are added up, nothing is written."""
        counter = coding.counter(self.models)
        head = Head(step, self.count, self.branches, self.net)
        replace(targets, price=price * step * step).code(counter, self.regions, head)
        return len(head.to_bytes()) + float(counter.bits[0]) / 8

    def _step(self, targets: Targets, budget: int) -> int | None:
        """The finest step within the budget, at the usual price."""
        low, high = 1, MAX_STEP
        if self._size(targets, high, _PRICE) > budget + 1:
            return None
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._size(targets, middle, _PRICE) <= budget else (middle + 1, high)
        return low

    def _filled(self, targets: Targets, step: int, budget: int) -> tuple[Found | None, F32]:
        """The chunk of the lowest price whose bytes are within the budget, and what its chroma lacks."""
        low, high, best = 0.0, 1.0, None
        for _ in range(_FILLING):
            price = (low + high) / 2
            body, made = self._write(targets, step, price)
            if len(body) > budget:
                low = price
            else:
                high, best = price, (body, made)
        if best is None:
            return None, self.aim.chroma
        left = self.aim.chroma - self.render(best[1])
        return Found(*best, error(left)), left

    def _write(self, targets: Targets, step: int, price: float) -> tuple[bytes, Coloring]:
        writer = coding.writer(8 * self.regions.count + 64, self.models)
        head = Head(step, self.count, self.branches, self.net)
        made = replace(targets, price=price * step * step).code(writer, self.regions, head)
        return head.to_bytes() + coding.finish(writer), made


def worth(sizes: I64, regions: Regions) -> F64:
    """How much an error of each region counts: its size, and its share in what regions predicted from it count.

    Args:
        sizes: Places of each region, ``[n]``.
        regions: As both ends know them.

    Returns:
        ``[n]``, of mean 1.
    """
    counts: F64 = _inherited(sizes.astype(np.float64), regions.neighbours, regions.weights)
    counts /= counts.mean()
    return counts


@njit(cache=True)
def _inherited(counts, neighbours, weights):  # type: ignore[no-untyped-def]
    for rank in range(counts.size - 1, -1, -1):
        total = 0.0
        for index in range(neighbours.shape[1]):
            total += weights[rank, index]
        for index in range(neighbours.shape[1]):
            if neighbours[rank, index] >= 0:
                counts[neighbours[rank, index]] += weights[rank, index] / total * counts[rank]
    return counts


def error(left: F32) -> float:
    """Mean squared error of R, G and B that an error of Cb and Cr ``[2, h, w]`` makes."""
    blue, red = left
    return float(np.mean(BLUE * blue * blue + RED * red * red + BOTH * blue * red)) / 3


def _smooth(spread: Spread, made: Coloring) -> F32:
    return np.stack([spread(plane) for plane in made.planes()])
