"""Pictures that come with a smaller one of their own: found by name, cut together."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dlic_datamodules.cached import CachedPictures
from dlic_datamodules.decoded import Pictures
from dlic_datamodules.draws import bounded, keys, words
from dlic_datamodules.errors import DataError, printable
from dlic_datamodules.source import FileSource
from dlic_datamodules.stream import Batch, CropStream, WholePictures, centre, fit

__all__ = ["PairCrops", "PairedPictures", "WholePairs", "match"]

# What sets add to the names of one side: 0001x4, img_001_SRF_4_LR, baby_LR, a-hr.
_ADDED = re.compile(r"(?:[ ._-]?(?:x[2-9]|x16|srf[._-]?\d+|lr|hr|gt|bicubic|small|large))+$", re.IGNORECASE)
_SHOWN = 3


def _plain(path: str) -> str:
    stem = PurePath(path).stem
    return (_ADDED.sub("", stem) or stem).casefold()


def _shared_folders(a: str, b: str) -> int:
    """How many folders right above two files are called alike."""
    count = 0
    for one, other in zip(reversed(PurePath(a).parts[:-1]), reversed(PurePath(b).parts[:-1]), strict=False):
        if one != other:
            break
        count += 1
    return count


def match(large: FileSource, small: FileSource) -> list[int]:
    """Finds the small picture of each large one by its name.

    Names are compared without suffix and without what tells the sides apart (``x4``, ``LR``, ``HR``, ...). Where
    several are called alike, whichever lies in folders of the same names is taken.

    Args:
        large: The large pictures.
        small: Where their small ones are among.

    Returns:
        A number in ``small`` for each picture of ``large``.

    Raises:
        DataError: A picture has none, or several that nothing tells apart, or two share one.
    """
    by_name: defaultdict[str, list[int]] = defaultdict(list)
    for number in range(len(small)):
        by_name[_plain(small.path(number))].append(number)
    found = [_closest(large.path(i), by_name[_plain(large.path(i))], small) for i in range(len(large))]
    lone = [large.name(i) for i, number in enumerate(found) if number is None]
    if lone:
        shown = ", ".join(printable(name) for name in lone[:_SHOWN]) + (", ..." if len(lone) > _SHOWN else "")
        raise DataError(
            f"{len(lone)} of {len(large)} pictures have no small one of their name under {', '.join(small.where())}: "
            f"{shown}\nMend data.args.base, or the names"
        )
    chosen = [number for number in found if number is not None]
    owners: dict[int, int] = {}
    for i, number in enumerate(chosen):
        if owners.setdefault(number, i) != i:
            both = f"{printable(large.name(owners[number]))} and {printable(large.name(i))}"
            raise DataError(f"{printable(small.name(number))} would be the small picture of {both}\nMend the names")
    return chosen


def _closest(path: str, numbers: Sequence[int], small: FileSource) -> int | None:
    if len(numbers) < 2:
        return numbers[0] if numbers else None
    exact = [number for number in numbers if PurePath(small.path(number)).stem == PurePath(path).stem]
    ranked = sorted((_shared_folders(path, small.path(number)), number in exact, number) for number in numbers)
    if ranked[-1][:2] == ranked[-2][:2]:
        names = " and ".join(printable(small.name(rank[2])) for rank in ranked[-2:])
        raise DataError(
            f"{printable(path)} may belong to {names}: nothing tells which\nMend data.args.base, or the names"
        )
    return ranked[-1][2]


class PairedPictures:
    """Large pictures, each with its small one: `get` gives the one, `partner` the other.

    Args:
        large: Decoded large pictures.
        small: Decoded small ones.
        names: Names of a large picture and of its small one, for each pair; pairs of which one was left out are, too.
        scale: Whole factor between their sides, or None for what the first pair has.

    Raises:
        DataError: Sizes do not fit.
    """

    def __init__(self, large: Pictures, small: Pictures, names: Sequence[tuple[str, str]], scale: int | None) -> None:
        places = [{pictures.name(i): i for i in range(len(pictures))} for pictures in (large, small)]
        self.large, self.small, self.channels = large, small, large.channels
        self.pairs = [(places[0][a], places[1][b]) for a, b in names if a in places[0] and b in places[1]]
        if not self.pairs:
            raise DataError("no pair of pictures can be used")
        if scale is None:
            sides = [pictures.get(i).shape[1] for pictures, i in zip((large, small), self.pairs[0], strict=True)]
            scale = max(1, round(sides[0] / sides[1]))
        self.scale = scale
        if isinstance(large, CachedPictures) and isinstance(small, CachedPictures):
            for pair, a, b in zip(self.pairs, self._sizes(large, 0), self._sizes(small, 1), strict=True):
                self._check(pair, tuple(a), tuple(b))

    def __len__(self) -> int:
        return len(self.pairs)

    def _sizes(self, pictures: CachedPictures, side: int) -> list[list[int]]:
        sizes: list[list[int]] = pictures.sizes()[[pair[side] for pair in self.pairs]].tolist()
        return sizes

    def _check(self, pair: tuple[int, int], large: tuple[int, ...], small: tuple[int, ...]) -> None:
        if tuple(side // self.scale for side in large) != small:
            raise DataError(
                f"{printable(self.large.name(pair[0]))} has {large[1]}x{large[0]} pixels, its small picture "
                f"{printable(self.small.name(pair[1]))} {small[1]}x{small[0]}: not a {self.scale}th of it\n"
                "Mend the pair, or set data.args.scale"
            )

    def get(self, index: int) -> NDArray[np.uint8]:
        """The large picture ``[C, H, W]``, cut to whole multiples of the scale."""
        planes = self.large.get(self.pairs[index][0])
        height, width = (side // self.scale * self.scale for side in planes.shape[1:])
        return planes[:, :height, :width]

    def partner(self, index: int) -> NDArray[np.uint8]:
        """The small picture ``[C, H / scale, W / scale]``."""
        pair = self.pairs[index]
        planes = self.small.get(pair[1])
        if not isinstance(self.small, CachedPictures):
            self._check(pair, self.large.get(pair[0]).shape[1:], planes.shape[1:])
        return planes

    def name(self, index: int) -> str:
        """The large picture's name."""
        return self.large.name(self.pairs[index][0])

    def sizes(self) -> NDArray[np.int64]:
        """Heights and widths of the large pictures, int64 ``[n, 2]``; none where they are not known yet."""
        if not isinstance(self.large, CachedPictures):
            return np.empty((0, 2), np.int64)
        return self.large.sizes()[[pair[0] for pair in self.pairs]]


@dataclass
class PairCrops(CropStream):
    """As `CropStream`, with ``base``: the same part of the small pictures, turned alike."""

    pictures: PairedPictures

    def batch(self, step: int) -> Batch:
        """Batch ``step``: ``image`` uint8 ``[B, C, crop, crop]``, ``base`` ``[B, C, crop / scale, crop / scale]``.

        Raises:
            DataError: Too many pictures cannot be used.
            PictureError: One cannot, and the policy is ``raise``.
        """
        epoch, index = self._samples(step)
        key = keys(self.seed, epoch, index)
        scale, side = self.pictures.scale, self.cutter.crop // self.pictures.scale
        shape = (len(key), self.cutter.channels)
        images, bases = (np.empty((*shape, s, s), np.uint8) for s in (self.cutter.crop, side))
        for number, (y, x, turn, gray) in enumerate(words(key, 4).T.tolist()):
            large, small = self._get(int(index[number]))
            large, small = fit(large, self.cutter.crop), fit(small, side)
            top, left = bounded(y, small.shape[1] - side + 1), bounded(x, small.shape[2] - side + 1)
            bases[number] = small[:, top : top + side, left : left + side]
            top, left = top * scale, left * scale
            images[number] = large[:, top : top + self.cutter.crop, left : left + self.cutter.crop]
            for crop in (images[number], bases[number]):
                self.cutter.change(crop, turn, gray)
        return {"image": torch.from_numpy(images), "base": torch.from_numpy(bases)}

    def _read(self, picture: int) -> Any:
        return self.pictures.get(picture), self.pictures.partner(picture)

    def _fits(self, read: Any) -> bool:
        return self.cutter.fits(read[0])


@dataclass
class WholePairs(WholePictures):
    """As `WholePictures`, with ``base``."""

    pictures: PairedPictures

    def _batch(self, index: int, planes: NDArray[np.uint8]) -> Batch:
        small, scale = self.pictures.partner(index), self.pictures.scale
        if self.crop is not None:
            side = max(1, self.crop // scale)
            top, left = (max(0, length - side) // 2 for length in small.shape[1:])
            small = centre(small, side)
            height, width = small.shape[1] * scale, small.shape[2] * scale
            planes = planes[:, top * scale : top * scale + height, left * scale : left * scale + width]
        return {"image": torch.from_numpy(planes[None].copy()), "base": torch.from_numpy(small[None].copy())}
