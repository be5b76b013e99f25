"""The search for looks: among the best files of each scale the one that looks best, at its best alpha."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from lightning_dlic.codec import Bitstream
from lightning_dlic.codec.container import ALPHA_CHUNK
from lightning_dlic.codec.networks import alpha_chunks
from lightning_dlic.pipeline.candidates import Candidate, Score
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.plan import Pipeline
from lightning_dlic.pipeline.scales import worth_trying
from lightning_dlic.pipeline.settings import BudgetError, Settings
from lightning_dlic.pipeline.source import Source

# What is tried beside 1, for which the search leaves room, where alpha is to be found.
_ALPHAS = (0.5, 0.0)


def best_looking(
    source: Source, settings: Settings, limit: int, within: Callable[[Settings], Candidate], score: Score
) -> Candidate:
    """The best bitstream of at most ``limit`` bytes by a score that takes too long to be asked at each turn.

    Args:
        source: The picture.
        settings: What may be tried; where its pipeline's alpha is open, that is chosen too.
        limit: Bytes of the whole file.
        within: A quicker search, which is asked for the best file of each scale.
        score: Judges a decoded picture; more is better.

    Raises:
        BudgetError: No scale has a file that small.
    """
    pipeline, found, failure = settings.pipeline, list[Candidate](), None
    for scale in worth_trying(settings.scales, limit, source.base_pixels):
        try:
            found.append(_judged(within(replace(settings, scales=(scale,))), pipeline, score))
        except BudgetError as error:
            failure = error
    if not found:
        raise failure or BudgetError(f"{limit} bytes are too few")
    best = _best(found)
    if pipeline.alpha is None and pipeline.told(best.kinds):
        others = (replace(best, stream=_told(best.stream, alpha)) for alpha in _ALPHAS)
        best = _best([best, *(_judged(other, pipeline, score) for other in others)])
    return best


def _best(found: Iterable[Candidate]) -> Candidate:
    return max(found, key=lambda candidate: (candidate.score, -candidate.size))


def _judged(candidate: Candidate, pipeline: Pipeline, score: Score) -> Candidate:
    picture = decompress(candidate.stream.to_bytes(), pipeline=pipeline)
    return replace(candidate, score=score(picture))


def _told(stream: Bitstream, alpha: float) -> Bitstream:
    others = [chunk for chunk in stream.chunks if chunk.tag != ALPHA_CHUNK]
    return replace(stream, chunks=(*others, *alpha_chunks(alpha)))
