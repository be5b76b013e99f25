"""The first few encodings of a branch near a limit, and what they tell."""

from __future__ import annotations

from dataclasses import dataclass

from lightning_dlic.pipeline.budget import Rate, approach
from lightning_dlic.pipeline.candidates import Branch

UNUSED = 0.0145
"""What may be left of a file unused, as a power of two: one in a hundred bytes."""
# How far from the limit a first idea may be, and what it may take.
_NEAR, _IDEAS = 0.2, 3


@dataclass(frozen=True)
class Trial:
    """What a few encodings have told.

    Attributes:
        branch: The base codec and the scale.
        quality: Where the limit is expected to be met.
        near: The quality nearest to it that has been tried.
        score: There, by interpolation.
        left: By how much the limit exceeds the bytes there, as a power of two.
        slope: What twice the bytes add to the score; None where one encoding was enough.
    """

    branch: Branch
    quality: float
    near: float
    score: float
    left: float
    slope: float | None


def first_trials(branch: Branch, limit: int, start: float) -> Trial | None:
    """Encodes a few times, near a limit; None where not even the coarsest quality fits."""
    steps, octave = branch.codec.steps, branch.codec.start[1]
    known = [quality for quality in branch.tried if quality == int(quality)]
    found = approach(branch.size, steps, limit, Rate(start, octave, _IDEAS, _NEAR, _NEAR), known)
    if found.get(0.0, 0.0) > 0:
        return None
    near, *others = sorted(found, key=lambda quality: (abs(found[quality]), quality))
    score, slope = branch.interpolated(near).score, None
    if others and abs(found[near] - found[others[0]]) > UNUSED:
        slope = (score - branch.interpolated(others[0]).score) / (found[near] - found[others[0]])
    left = 0.0 if near >= steps - 1 and found[near] <= 0 else -found[near]
    return Trial(branch, min(max(near + left * octave, 0.0), steps - 1.0), near, score, left, slope)
