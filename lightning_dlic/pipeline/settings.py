"""What a search may try, and which base codecs that means here."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

from dlic_registry import OWN, DlicError, RegistryError, entries
from lightning_dlic.codec import BaseCodec, CodecError, base_codec
from lightning_dlic.pipeline.plan import Pipeline
from lightning_dlic.pipeline.scales import SCALES

EFFORTS = range(1, 10)
# Effort from which codecs are tried beside those that nearly always outdo them.
_ALL_FROM = 6
SCOUT = "hevc"
"""The codec that is tried at every scale: it is quick, and tells how many bytes a picture takes."""


class BudgetError(DlicError):
    """No bitstream is small enough, or good enough; the message names the nearest."""


@dataclass(frozen=True)
class Settings:
    """What the search may try.

    Attributes:
        codec: Name of the base codec; ``auto`` tries the exact ones that the effort allows.
        scales: Factors of downsizing to try.
        effort: 1, fastest, to 9, smallest.
        pipeline: Its networks enlarge and colour, where they are here.
        threads: Encodings at a time; the result does not depend on it.
    """

    codec: str = "auto"
    scales: tuple[float, ...] = SCALES
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
        if allowed and (needed := codec.missing()):
            warnings.warn(f"auto goes without base codec {name}, which needs {needed}", stacklevel=2)
        elif allowed:
            found[name] = codec
    if settings.effort < _ALL_FROM:
        found = {name: codec for name, codec in found.items() if codec.outdone_by not in found}
    return dict(sorted(found.items(), key=lambda item: (item[0] != SCOUT, item[0])))
