"""One-dimensional searches over a codec's quality steps, counted in encodings."""

from __future__ import annotations

import math
from collections.abc import Callable


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
