"""One-dimensional searches over a codec's quality, counted in encodings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


def finest_within(size: Callable[[int], int], steps: int, limit: int, start: tuple[float, float]) -> int | None:
    """Finds the finest quality whose bytes stay within a limit.

    Args:
        size: Bytes at a quality; about exponential in it.
        steps: Qualities run from 0 to ``steps - 1``.
        limit: Bytes allowed.
        start: Quality to begin with, and the number of steps in which bytes double.

    Returns:
        A quality that fits while the next does not; None where 0 does not fit either.
    """
    below, above = -1, steps
    known: dict[int, float] = {}
    guess, octave = start
    while above - below > 1:
        quality = min(max(round(guess), below + 1), above - 1)
        known[quality] = math.log2(max(1, size(quality)) / max(1, limit))
        if known[quality] <= 0:
            below = quality
        else:
            above = quality
        guess = _between(below, above, known, octave)
    return below if below >= 0 else None


def _between(below: int, above: int, known: dict[int, float], octave: float) -> float:
    """Where the limit should be crossed, from the nearest known points on both sides or on one."""
    if below in known and above in known:
        low, high = known[below], known[above]
        # A little below the crossing: the finest that fits is what is sought.
        return below + (above - below) * -low / max(1e-9, high - low) - 0.25
    if below in known:
        return below + max(1.0, -known[below] * octave + 0.5)
    return above - max(1.0, known[above] * octave + 0.5)


@dataclass(frozen=True)
class Rate:
    """What is known beforehand of a codec's bytes, and how near a search comes to a limit.

    Attributes:
        start: Quality to begin with.
        octave: Number of steps in which bytes double.
        trials: Encodings after which the search ends, once one fits.
        under: A share of the limit, as a power of two, that may be left unused.
        over: Likewise by how much it may be exceeded, where all that is wanted is an idea.
        whole: Whether whole qualities are tried before any between two of them.
    """

    start: float
    octave: float
    trials: int
    under: float
    over: float = 0.0
    whole: bool = True


def approach(
    size: Callable[[float], int], steps: int, limit: int, rate: Rate, known: Iterable[float] = ()
) -> dict[float, float]:
    """Looks for the quality at which bytes reach a limit.

    Args:
        size: Bytes at a quality; about exponential in it.
        steps: Whole qualities run from 0 to ``steps - 1``.
        limit: Bytes allowed.
        rate: Where to begin and when to end.
        known: Qualities whose bytes cost nothing to learn.

    Returns:
        By what a quality's bytes exceed the limit, as a power of two, for all that are known: 0 and less fits. None
        fits only where the coarsest does not.
    """
    found = {quality: _excess(size, quality, limit) for quality in known}
    for trial in range(rate.trials + steps):
        if any(-rate.under <= excess <= rate.over for excess in found.values()):
            break
        fits = any(excess <= 0 for excess in found.values())
        quality = _next(found, steps, rate) if trial < rate.trials or not fits else None
        if quality is None:
            break
        found[quality] = _excess(size, quality, limit)
    return found


def _excess(size: Callable[[float], int], quality: float, limit: int) -> float:
    return math.log2(max(1, size(quality)) / max(1, limit))


def _next(found: Mapping[float, float], steps: int, rate: Rate) -> float | None:
    """The most promising quality that is not known yet; None where there is none left."""
    below = max((quality for quality, excess in found.items() if excess <= 0), default=-1.0)
    above = min((quality for quality, excess in found.items() if excess > 0 and quality > below), default=float(steps))
    if below >= steps - 1 or above <= 0:
        return None
    least = 1.0 if rate.whole else 1 / 8
    if below >= 0 and above < steps:
        # A little below the crossing: what is sought is to fit.
        share = (-found[below] - rate.under / 2) / max(1e-9, found[above] - found[below])
        guess = below + (above - below) * min(max(share, 0.1), 0.9)
    elif below >= 0:
        guess = below + max(least, (-found[below] - rate.under / 2) * rate.octave)
    else:
        guess = rate.start if above == steps else above - max(least, (found[above] + rate.under / 2) * rate.octave)
    # The whole qualities in between.
    low, high = math.floor(below) + 1, math.ceil(above) - 1
    if low <= high and rate.whole:
        return float(min(max(round(guess), low), high))
    guess = min(max(round(64 * guess) / 64, 0.0), steps - 1.0)
    return guess if below < guess < above and guess not in found else None


def coarsest_reaching(score: Callable[[int], float], steps: int, target: float, guess: int) -> int | None:
    """Finds the coarsest quality that reaches a score, by bisection.

    Args:
        score: Score at a quality; grows with it, but for noise.
        steps: Qualities run from 0 to ``steps - 1``.
        target: Score to reach.
        guess: Quality to begin with.

    Returns:
        A quality that reaches the target while the one before does not; None where the finest does not either.
    """
    below, above = -1, steps
    quality = min(max(guess, 0), steps - 1)
    while above - below > 1:
        if score(quality) >= target:
            above = quality
        else:
            below = quality
        quality = (below + above) // 2 if below >= 0 and above < steps else (above - 4 if below < 0 else below + 4)
        quality = min(max(quality, below + 1), above - 1)
    return above if above < steps else None
