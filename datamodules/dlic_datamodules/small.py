"""Pictures smaller than the crop: mirrored, left out, or a mistake."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dlic_datamodules.decode import probe
from dlic_datamodules.decoded import DecodedPictures, Pictures
from dlic_datamodules.errors import DataError, PictureError, printable

__all__ = ["Usable", "measurable", "tell_small", "usable"]

_log = logging.getLogger("dlic.data")
# Headers that are read of a set that is not cached.
_PROBED = 64


@runtime_checkable
class Sized(Protocol):
    """Pictures whose sizes are known without decoding them."""

    def sizes(self) -> NDArray[np.int64]:
        """Heights and widths, int64 ``[n, 2]``; none where they are not known yet."""
        ...


@dataclass(frozen=True)
class Usable:
    """Which pictures a training takes.

    Attributes:
        numbers: Those it takes, or None for all.
        left_out: Names of the others.
    """

    numbers: NDArray[np.int64] | None = None
    left_out: list[str] = field(default_factory=list)


def usable(pictures: Pictures, crop: int, small: Literal["auto", "pad", "skip"]) -> Usable:
    """Finds the pictures that are large enough.

    Args:
        pictures: The set; of one that is not cached only so many headers are read, and none is left out here.
        crop: Side of the crops.
        small: ``skip`` leaves smaller pictures out; ``pad`` and ``auto`` have them mirrored, ``auto`` unless they all
            are smaller.

    Raises:
        DataError: There is nothing large enough, and mirroring was not asked for.
    """
    lengths = _shorter_sides(pictures)
    too_small = lengths < crop
    if not too_small.any():
        return Usable()
    if too_small.all() and len(lengths) == len(pictures) and small != "pad":
        raise DataError(
            f"every picture is smaller than crop = {crop}: the largest has a shorter side of {lengths.max()}\n"
            "Lower data.args.crop, or set data.args.small=pad, which mirrors them"
        )
    done = "skipped" if small == "skip" else "mirrored"
    _log.info("%d of %d pictures are smaller than the crop and %s", too_small.sum(), len(lengths), done)
    if small != "skip" or len(lengths) != len(pictures) or isinstance(pictures, DecodedPictures):
        return Usable()
    left_out = [printable(pictures.name(int(i))) for i in np.flatnonzero(too_small)]
    return Usable(np.flatnonzero(~too_small).astype(np.int64), left_out)


def measurable(pictures: Pictures, least: int, split: str) -> tuple[list[int], list[tuple[str, str, str]]]:
    """Finds the pictures that are large enough to be evaluated, as far as their sizes are known.

    Returns:
        Their numbers, and a row (split, name, reason) for each of the others.
    """
    everyone = list(range(len(pictures)))
    sizes = pictures.sizes().tolist() if isinstance(pictures, Sized) else []
    small = [i for i, size in enumerate(sizes) if min(size) < least]
    rows = [(split, pictures.name(i), f"{sizes[i][0]}x{sizes[i][1]}: smaller than {least}") for i in small]
    dropped = set(small)
    return [i for i in everyone if i not in dropped], rows


def tell_small(rows: list[tuple[str, str, str]], count: int, least: int) -> None:
    """Says which of so many pictures are not evaluated.

    Raises:
        DataError: None is.
    """
    named = ", ".join(f"{printable(name)} ({reason.partition(':')[0]})" for _, name, reason in rows[:4])
    text = f"of {count} {rows[0][0]} pictures are smaller than {least} pixels, and left out: {named}"
    if len(rows) == count:
        raise DataError(f"all {text}\nGive larger ones, or none, to be measured")
    _log.warning("%d %s%s", len(rows), text, ", ..." if len(rows) > 4 else "")


def _shorter_sides(pictures: Pictures) -> NDArray[np.int64]:
    if isinstance(pictures, Sized):
        return np.asarray(pictures.sizes().min(axis=1))
    if not isinstance(pictures, DecodedPictures) or len(pictures) > _PROBED:
        return np.empty(0, np.int64)
    return np.array([side for index in range(len(pictures)) if (side := _probe(pictures, index))], np.int64)


def _probe(pictures: DecodedPictures, index: int) -> int | None:
    source, options = pictures.source, pictures.options
    if source.is_raw(index):
        return None
    try:
        return min(probe(source.read(index, options.max_bytes), options))
    except PictureError:
        return None
