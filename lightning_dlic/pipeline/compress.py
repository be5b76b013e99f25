"""A picture to a bitstream."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlic_registry import DlicError, suggest
from lightning_dlic.codec import Bitstream
from lightning_dlic.codec.container import STEPS
from lightning_dlic.imaging.limits import MAX_SCALE
from lightning_dlic.metrics.terms import MOST_DB
from lightning_dlic.pipeline.candidates import Candidate
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.hinted import AUTO, BASE, NONE
from lightning_dlic.pipeline.looking import best_looking
from lightning_dlic.pipeline.measures import DISTANCES, METRICS
from lightning_dlic.pipeline.photographs import traits
from lightning_dlic.pipeline.pictures import load_picture
from lightning_dlic.pipeline.plan import Pipeline, find_pipeline
from lightning_dlic.pipeline.scales import SCALES, coarser, enough
from lightning_dlic.pipeline.scorers import scorer
from lightning_dlic.pipeline.search import Search
from lightning_dlic.pipeline.settings import EFFORTS, BudgetError, Settings
from lightning_dlic.pipeline.source import Source
from lightning_dlic.pipeline.spent import Spent

U8 = NDArray[np.uint8]
# What no picture scores more than; looking for it would take minutes.
_MOST = {"psnr": MOST_DB, "ssim": 1.0, "ms_ssim": 1.0, "color": 2.0}
_DRAWN = (
    "a network trained on photographs makes this picture, which looks drawn or written: the pipeline faithful makes "
    "nothing up, and auto chooses"
)


@dataclass(frozen=True)
class Compressed:
    """What `compress` made.

    Attributes:
        data: The bytes of the file.
        stream: What they say.
        quality: The base codec's quality step.
        metric: What the search was judged by.
        score: Its value for the decoded picture.
        spent: What the search took.
    """

    data: bytes
    stream: Bitstream
    quality: int
    metric: str
    score: float
    spent: Spent = field(default_factory=Spent)


def compress(
    picture: U8 | Image.Image,
    *,
    bytes: int | None = None,
    quality: float | None = None,
    target: Mapping[str, float] | None = None,
    codec: str = "auto",
    scale: float | str = "auto",
    metric: str | None = None,
    effort: int = 5,
    pipeline: str | Pipeline = "photo",
    hints: str | None = None,
    alpha: float | str | None = None,
    threads: int = 2,
) -> Compressed:
    """Compresses a picture; exactly one of ``bytes``, ``quality`` and ``target`` says how far.

    Args:
        picture: uint8 ``[H, W, 3]``, or ``[H, W]`` for grey; or an image of Pillow's, read as
            `lightning_dlic.pipeline.pictures.load_picture` reads files.
        bytes: The whole file's limit; the best picture that fits is made.
        quality: 0 to 100, the share of the base codec's quality steps: no search. ``auto`` means hevc and scale 1.
        target: One of ``psnr`` (dB, at least), ``ssim`` (at least), ``lpips`` (at most); the smallest file is made.
        codec: Registered name of the base codec, or ``auto``.
        scale: 1 to 16 in sixteenths, or ``auto`` for whatever does best: 1 to 4, and up to 16 for few bytes.
        metric: What ``bytes`` is best by: ``ssim`` or ``ms_ssim`` of luma, ``psnr`` over all channels, ``lpips``,
            ``color``: SSIM of luma plus a hundredth of the PSNR of Cb and Cr, or ``look`` (`looks.look_distance`). By
            default the pipeline's; where it has none ``color`` with hints, else ``ssim``.
        effort: 1, fastest, to 9, smallest.
        pipeline: Name or recipe of the pipeline, or the folder of the run that trained it; or one already found; or
            ``auto``: ``photo`` for what is taken for a photograph (`photographs.traits`), ``faithful`` for the rest.
        hints: How a colour picture gets its colour: ``base``, by the base codec; ``grid``, ``segmentation`` or another
            kind of hints, behind a comma their bytes; a preset such as ``segmentation-small``; ``none``, guessed by the
            pipeline's network if it has one, else as ``base``; ``auto``, whichever does best. The pipeline's by
            default, but for ``auto`` where no ``bytes`` are given. Grey pictures have none.
        alpha: How much networks may make up: 0, faithful, to 1, vivid, or ``auto`` for whatever looks best. The
            pipeline's by default.
        threads: Encodings at a time; the bytes do not depend on it.

    Returns:
        The bitstream and how good it is.

    Raises:
        DlicError: An argument is wrong, or no bitstream is small or good enough.

    Example:
        >>> import numpy as np
        >>> flat = np.full((96, 128), 128, np.uint8)
        >>> len(compress(flat, bytes=100, effort=1, pipeline="bicubic").data) <= 34
        True
    """
    if isinstance(picture, Image.Image):
        picture = load_picture(picture)
    if (bytes is not None) + (quality is not None) + (target is not None) != 1:
        raise DlicError("compress takes one of bytes, quality and target")
    if target is not None:
        metric, goal = _goal(target)
    if quality is not None:
        _check_quality(quality)
    _check_picture(picture)
    recipe = _recipe(pipeline, picture)
    recipe = recipe if alpha is None else replace(recipe, alpha=_strength(alpha))
    asked = recipe.hints if hints is None else hints
    # Hints share a number of bytes with the base layer: where there is none, a pipeline that leaves it open has none.
    asked = BASE if hints is None and bytes is None and asked.split(",")[0] == AUTO else asked
    # Without a network that guesses, no hints means chroma by the base codec.
    asked = BASE if asked == NONE and not recipe.colors else asked
    hinted = asked != BASE and picture.ndim == 3
    metric = metric or recipe.metric or ("color" if hinted else "ssim")
    _check(metric, effort)
    source = Source(picture, recipe.downsize)
    settings = Settings(*_choices(recipe, codec, scale), effort, recipe, threads)
    if quality is not None and scale == "auto" and not recipe.scales:
        settings = Settings(settings.codec, (1,), effort, recipe, threads)
    if hinted and bytes is None:
        raise DlicError(f"hints {asked!r} need a number of bytes for the file: a quality or a target is not enough")
    if bytes is not None:
        spare = coarser(SCALES, settings.scales) if scale == "auto" else []
        hints, spent = asked if hinted else BASE, Spent()
        within = _looking if metric == "look" else _within
        found = within(source, settings, spare, metric, hints, bytes, spent)
    else:
        search = Search(source, settings, metric)
        spent = search.spent
        found = search.reaching(goal) if quality is None else search.fixed(quality / 100)
    if found.kinds and not traits(picture).photograph:
        warnings.warn(_DRAWN, stacklevel=2)
    return _finish(found, metric, spent)


def _within(
    source: Source, settings: Settings, spare: list[float], metric: str, hints: str, limit: int, spent: Spent
) -> Candidate:
    """The best bitstream of at most ``limit`` bytes; at a spare scale only where there is none at a usual one."""
    own = max(settings.scales)
    if not spare or enough(limit, source.base_pixels(own)):
        try:
            return Search(source, settings, metric, hints, spent).within(limit)
        except BudgetError:
            if not spare:
                raise
    found = _within(source, replace(settings, scales=tuple(spare)), [], metric, hints, limit, spent)
    instead = f"so it is scale {found.stream.factor:g} and interpolation"
    name = settings.pipeline.name
    warnings.warn(f"pipeline {name}: {limit} bytes are too few at its scale {own}, {instead}", stacklevel=3)
    return found


def _looking(
    source: Source, settings: Settings, spare: list[float], metric: str, hints: str, limit: int, spent: Spent
) -> Candidate:
    """The best-looking bitstream of at most ``limit`` bytes: of each scale's best by a quicker metric."""
    quick, score = "color" if source.color else "ssim", scorer(source, metric)

    def within(chosen: Settings) -> Candidate:
        return _within(source, chosen, [], quick, hints, limit, spent)

    try:
        return best_looking(source, settings, limit, within, score)
    except BudgetError:
        if not spare:
            raise
    found = _within(source, settings, spare, quick, hints, limit, spent)
    return replace(found, score=score(decompress(found.stream.to_bytes(), pipeline=settings.pipeline)))


def _finish(found: Candidate, metric: str, spent: Spent) -> Compressed:
    score = -found.score if metric in DISTANCES else found.score
    return Compressed(found.stream.to_bytes(), found.stream, found.quality, metric, score, spent)


def _goal(target: Mapping[str, float]) -> tuple[str, float]:
    if len(target) != 1:
        raise DlicError(f"target takes one metric, not {len(target)}")
    ((metric, value),) = target.items()
    if not metric or not isinstance(value, int | float) or not math.isfinite(value):
        raise DlicError(f"target must be a metric and a number, such as psnr 32 or ssim 0.9, not {metric} {value}")
    if metric in DISTANCES and value < 0:
        raise DlicError(f"target {metric} {value:g}: {metric} is never below 0")
    if value > (most := _MOST.get(metric, math.inf)):
        raise DlicError(f"target {metric} {value:g}: {metric} is {most:g} at most")
    return metric, -value if metric in DISTANCES else value


def _check_quality(quality: float) -> None:
    if not 0 <= quality <= 100:
        raise DlicError(f"quality must be from 0 to 100, not {quality}")
    if 0 < quality < 1:
        # Recipes and measurements write shares; here it would be the coarsest there is, in silence.
        raise DlicError(f"quality goes from 0 to 100: for the share {quality:g} of the steps write {100 * quality:g}")


def _check(metric: str, effort: int) -> None:
    if metric not in METRICS:
        near = suggest(metric, METRICS)
        raise DlicError(f"unknown metric {metric!r}.{f' Did you mean {near!r}?' if near else ''} {', '.join(METRICS)}")
    if effort not in EFFORTS:
        raise DlicError(f"effort must be from {EFFORTS[0]} to {EFFORTS[-1]}, not {effort}")


def _recipe(pipeline: str | Pipeline, picture: U8) -> Pipeline:
    if isinstance(pipeline, Pipeline):
        return pipeline
    if pipeline == "auto":
        pipeline = "photo" if traits(picture).photograph else "faithful"
    return find_pipeline(pipeline)


def _strength(alpha: float | str) -> float | None:
    if alpha == "auto":
        return None
    if not isinstance(alpha, int | float) or not 0 <= alpha <= 1:
        raise DlicError(f"alpha must be auto or from 0, faithful, to 1, vivid, not {alpha!r}")
    return float(alpha)


def _check_picture(picture: object) -> None:
    wanted = "compress takes uint8 [H, W] or [H, W, 3], or an image of Pillow's"
    if not isinstance(picture, np.ndarray):
        raise DlicError(f"{wanted}, not {type(picture).__name__}; pictures.load_picture reads files")
    shape = picture.shape
    if picture.dtype != np.uint8 or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] != 3) or not picture.size:
        raise DlicError(f"{wanted}, not {picture.dtype} {list(shape)}")


def _choices(pipeline: Pipeline, codec: str, scale: float | str) -> tuple[str, tuple[float, ...]]:
    """Codec and scales, from the arguments or else the pipeline."""
    codec = pipeline.base if codec == "auto" else codec
    if scale == "auto":
        return codec, pipeline.scales or SCALES
    if not isinstance(scale, int | float) or not 1 <= scale <= MAX_SCALE or scale * STEPS % 1:
        raise DlicError(f"scale must be auto or a number from 1 to {MAX_SCALE} in steps of 1/{STEPS}, not {scale!r}")
    return codec, (scale,)
