"""What hints are: a few hundred bytes that tell the decoder of a grey picture what colour its regions have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lightning_dlic.codec.bits import leb128, read_leb128
from lightning_dlic.codec.errors import BitstreamError
from lightning_dlic.codec.hints import coder as coding
from lightning_dlic.codec.hints import syntax
from lightning_dlic.codec.hints.code import run
from lightning_dlic.codec.hints.interpolation import interpolation
from lightning_dlic.codec.hints.regions import Regions, arrange, guide, reduction

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
MAX_COUNT = 4096
"""Most regions that a chunk may ask for."""
MAX_STEP = 64
_BRANCHES, _NET = 64, 128


@dataclass(frozen=True)
class Head:
    """What a chunk says before its regions' colours.

    Attributes:
        step: Of the coded differences of Cb and Cr, in levels, 1 to `MAX_STEP`.
        count: About how many regions, 1 to `MAX_COUNT`.
        branches: Branches of the network among which regions may name one; 0 where all send colours.
        net: Whether the pipeline's network makes the chroma, or the guided filter.
    """

    step: int
    count: int
    branches: int = 0
    net: bool = False

    def to_bytes(self) -> bytes:
        """Its two to four bytes, behind the byte of the kind."""
        flags = _BRANCHES * bool(self.branches) | _NET * self.net
        return bytes([self.step - 1 | flags]) + leb128(self.count) + bytes([self.branches]) * bool(self.branches)


@dataclass(frozen=True)
class Coloring:
    """What hints decode to.

    Attributes:
        head: What the chunk says of itself.
        labels: Region of each place of the guide, int32 ``[h, w]``, in the order of coding.
        colours: Cb and Cr of each region, about 0, in 1/16 levels, int64 ``[n, 2]``.
        branches: Branch that each region names; -1 where it sends a colour. int64 ``[n]``.
        sent: Whether its colour is other than predicted, bool ``[n]``.
        factor: Pixels of the base layer, each way, for a place of the guide.
    """

    head: Head
    labels: I32
    colors: I64
    branches: I64
    sent: NDArray[np.bool_]
    factor: int

    def levels(self) -> F32:
        """Cb and Cr of each region in levels about 0, ``[n, 2]``; 0 where it names a branch."""
        return (self.colors * (self.branches < 0)[:, None]).astype(np.float32) / np.float32(1 << syntax.POINT)

    def planes(self) -> tuple[F32, F32]:
        """Cb and Cr in levels about 0, flat in each region, each ``[h, w]``; 0 where a region names a branch."""
        colors = self.levels()
        return colors[self.labels, 0], colors[self.labels, 1]


class Hints(ABC):
    """A way to cut a picture into regions, and the coding of their colours.

    Subclasses are registered under the kind ``hints`` and built without arguments. They need say only how the regions
    lie, from the decoded luma and a number.

    Attributes:
        dlic_api: Version of this interface.
        name: The registered name.
        number: Byte that names the kind in a bitstream, 1 to 254; None for one that goes by its registered name.
        sends: Whether bitstreams can hold them.
    """

    dlic_api: ClassVar[int] = 1
    name: ClassVar[str] = ""
    number: ClassVar[int | None] = None
    sends: ClassVar[bool] = True

    @abstractmethod
    def labels(self, luma: U8, count: int) -> I32:
        """Cuts a picture into about ``count`` regions, by whole numbers alone: both ends must find the same.

        Args:
            luma: The guide, uint8 ``[h, w]``.
            count: 1 to `MAX_COUNT`.

        Returns:
            int32 ``[h, w]``, numbered from 0 without gaps.
        """

    def decode(self, body: bytes, luma: U8) -> Coloring:
        """Decodes a chunk, without the bytes that name its kind.

        Args:
            body: Bytes of unknown origin.
            luma: The decoded base layer's, uint8 ``[h, w]``, as the encoder had it.

        Raises:
            BitstreamError: The bytes are malformed.
        """
        head, at = read_head(body)
        small = guide(luma)
        regions, models = prepared(small, self.labels(small, head.count), head.net)
        reader = coding.reader(body[at:], models)
        found = Targets.unknown(regions.count).code(reader, regions, head)
        if coding.overrun(reader):
            raise BitstreamError(f"hints, byte {len(body)}: the chunk ends inside the colour of a region")
        if not coding.read_all(reader):
            raise BitstreamError(f"hints, byte {at}: the chunk goes on behind the colour of the last region")
        return replace(found, factor=reduction(*luma.shape))


@dataclass(frozen=True)
class Targets:
    """What an encoder wants of each region, in the order of coding.

    Attributes:
        colours: Wanted Cb and Cr in levels about 0, ``[n, 2]``.
        worth: How much a squared error of each region counts, ``[n]``.
        price: Of a bit, in squared errors.
        branches: Branch that each region shall name, -1 for a colour, ``[n]``.
    """

    colors: NDArray[np.float64]
    worth: NDArray[np.float64]
    price: float
    branches: I64

    @classmethod
    def unknown(cls, count: int) -> Targets:
        """Those of so many regions of which nothing is known."""
        return cls(np.zeros((count, 2)), np.zeros(count), 0.0, np.full(count, -1, np.int64))

    def code(self, coder: coding.Coder, regions: Regions, head: Head) -> Coloring:
        """Chooses the colours and codes them.

        Args:
            coder: Counts or writes.
            regions: As `arrange` gives them for the guide.
            head: Step and branches.
        """
        branches = self.branches.copy()
        colors, sent = run(coder, regions, head.step, head.branches, self.colors, self.worth, self.price, branches)
        return Coloring(head, regions.labels, colors, branches, sent, 1)


def prepared(luma: U8, labels: I32, net: bool) -> tuple[Regions, I64]:
    """What both ends begin with.

    Args:
        luma: The guide, uint8 ``[h, w]``.
        labels: Region of each place, int32 ``[h, w]``.
        net: Whether predictions are the learned ones, which go with networks.

    Returns:
        The regions, and the context models.
    """
    regions = arrange(luma, labels)
    if not net:
        return regions, syntax.fresh()
    learned = interpolation()
    return learned.apply(luma, regions), learned.start


def read_head(body: bytes) -> tuple[Head, int]:
    """Reads what precedes the colours.

    Returns:
        The head and the offset behind it.

    Raises:
        BitstreamError: It is malformed.
    """
    if not body:
        raise BitstreamError("hints, byte 0: the chunk ends before its step")
    count, at = read_leb128(body, 1, "the number of regions", 2)
    if not 1 <= count <= MAX_COUNT:
        raise BitstreamError(f"hints, byte 1: {count} regions; at most {MAX_COUNT} are allowed")
    branches = 0
    if body[0] & _BRANCHES:
        branches = body[at] if at < len(body) else 0
        if not 1 <= branches <= syntax.MAX_BRANCHES or not body[0] & _NET:
            raise BitstreamError(f"hints, byte {at}: {branches} branches, with a network; or none of both")
        at += 1
    return Head((body[0] & 63) + 1, count, branches, bool(body[0] & _NET)), at
