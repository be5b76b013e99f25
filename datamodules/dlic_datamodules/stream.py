"""From pictures to batches: one continuous stream of crops, the same however many workers make it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from dlic_datamodules.decoded import Pictures
from dlic_datamodules.draws import bounded, keys, permutation, words
from dlic_datamodules.errors import DataError, PictureError, StorageError, printable
from dlic_datamodules.policy import Policy
from dlic_registry import DlicError, MachineError

__all__ = ["Batch", "CropStream", "Cutter", "Failure", "Missing", "Transform", "WholePictures", "centre", "fit"]

Batch = dict[str, Any]
Transform = Callable[[dict[str, Tensor], NDArray[np.uint64]], dict[str, Tensor]]
"""A loader transform: takes a batch with ``image`` uint8 ``[B, C, H, W]`` and one 64-bit key a sample to draw from, and
returns the batch, usually with a tensor added. It must be picklable and draw from nothing but the keys."""

_log = logging.getLogger("dlic.data")
_HALF = 1 << 32


@dataclass(frozen=True)
class Failure:
    """A batch that could not be made, on its way from a worker to the training process.

    Attributes:
        message: What went wrong.
        machine: Whether the machine failed: nothing is to be mended in what was asked for.
    """

    message: str
    machine: bool = False

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """What an error says."""
        return cls(str(error), isinstance(error, OSError | MachineError))

    def error(self) -> DataError:
        """The error again."""
        return (StorageError if self.machine else DataError)(self.message)


@dataclass(frozen=True)
class Missing:
    """A picture that there is nothing to measure of, in the place of its batch.

    Attributes:
        reason: Why, with its name.
        failed: Whether it cannot be used at all, which only so many may be.
    """

    reason: str
    failed: bool = True


def fit(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A picture smaller than the crop, continued by mirroring."""
    rows, columns = (max(0, size - side) for side in picture.shape[1:])
    return np.pad(picture, ((0, 0), (0, rows), (0, columns)), "symmetric") if rows or columns else picture


def _turn(crop: NDArray[np.uint8], bits: int) -> None:
    """Applies one of the eight flips and rotations of the square, in place."""
    view = crop
    if bits & 1:
        view = view[:, ::-1]
    if bits & 2:
        view = view[:, :, ::-1]
    if bits & 4:
        view = view.transpose(0, 2, 1)
    if bits:
        crop[:] = view.copy()


def _to_gray(crop: NDArray[np.uint8]) -> None:
    """Full-range BT.601 luma in all three channels, in place, rounded as Pillow rounds it."""
    red, green, blue = crop.astype(np.int32)
    crop[:] = ((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16).astype(np.uint8)


@dataclass(frozen=True)
class Cutter:
    """Cuts crops out of pictures, turned and greyed by chance.

    Attributes:
        crop: Side of the crops.
        channels: Planes of the pictures, 1 or 3.
        augment: Draw one of the eight flips and rotations.
        to_gray: Share of colour crops turned grey.
        skip_small: Whether pictures smaller than the crop are left out instead of mirrored.
    """

    crop: int
    channels: int
    augment: bool = True
    to_gray: float = 0.0
    skip_small: bool = False

    def fits(self, picture: NDArray[np.uint8]) -> bool:
        """Whether the picture is to be used."""
        return not self.skip_small or min(picture.shape[1:]) >= self.crop

    def cut(self, pictures: Iterable[NDArray[np.uint8]], key: NDArray[np.uint64]) -> NDArray[np.uint8]:
        """One crop of each picture.

        Args:
            pictures: uint8 ``[C, H, W]`` each.
            key: What to draw from, uint64 ``[n]``.

        Returns:
            uint8 ``[n, C, crop, crop]``.
        """
        images = np.empty((len(key), self.channels, self.crop, self.crop), np.uint8)
        for out, picture, (y, x, turn, gray) in zip(images, pictures, words(key, 4).T.tolist(), strict=True):
            planes = picture if min(picture.shape[1:]) >= self.crop else fit(picture, self.crop)
            top = bounded(y, planes.shape[1] - self.crop + 1)
            left = bounded(x, planes.shape[2] - self.crop + 1)
            out[:] = planes[:, top : top + self.crop, left : left + self.crop]
            self.change(out, turn, gray)
        return images

    def change(self, crop: NDArray[np.uint8], turn: int, gray: int) -> None:
        """Turns and greys a crop in place, as words that were drawn for it say."""
        if self.augment:
            _turn(crop, turn & 7)
        if self.to_gray and self.channels == 3 and (gray >> 32) < self.to_gray * _HALF:
            _to_gray(crop)


@dataclass
class CropStream(Dataset[Any]):
    """Batch ``s`` of a run, by number.

    Sample ``n = s * batch_size * world_size + rank * batch_size + b`` is picture ``order(epoch)[n % N]`` with
    ``epoch = n // N``; its crop and flips are drawn from (seed, epoch, picture). Nothing depends on workers or on what
    was loaded before.
    """

    pictures: Pictures
    cutter: Cutter
    batch_size: int
    seed: int = 0
    rank: int = 0
    world_size: int = 1
    transform: Transform | None = None
    usable: NDArray[np.int64] | None = None
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        self._failed: set[int] = set()

    @property
    def count(self) -> int:
        """Pictures an epoch goes through."""
        return len(self.pictures) if self.usable is None else len(self.usable)

    def __getitem__(self, step: int) -> Batch | Failure:
        try:
            return self.batch(step)
        except DlicError as error:
            return Failure.of(error)

    def batch(self, step: int) -> Batch:
        """Batch ``step``: ``image`` uint8 ``[B, C, crop, crop]`` and whatever the transform adds.

        Raises:
            DataError: Too many pictures cannot be used.
            PictureError: One cannot, and the policy is ``raise``.
        """
        epoch, index = self._samples(step)
        key = keys(self.seed, epoch, index)
        images = self.cutter.cut(map(self._get, index.tolist()), key)
        batch = {"image": torch.from_numpy(images)}
        return batch if self.transform is None else self.transform(batch, key)

    def _samples(self, step: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Epoch and picture of each sample of a batch."""
        first = (step * self.world_size + self.rank) * self.batch_size
        epoch, place = np.divmod(np.arange(first, first + self.batch_size), self.count)
        low, high = int(epoch[0]), int(epoch[-1])
        if low == high:
            index = permutation(self.seed, low, self.count)[place]
        else:
            pairs = zip(epoch.tolist(), place.tolist(), strict=True)
            index = np.array([permutation(self.seed, e, self.count)[p] for e, p in pairs], np.int64)
        return epoch, index if self.usable is None else self.usable[index]

    def _read(self, picture: int) -> Any:
        return self.pictures.get(picture)

    def _fits(self, read: Any) -> bool:
        return self.cutter.fits(read)

    def _get(self, picture: int) -> Any:
        """The picture, or where it cannot be used the next one that can: the same one in every worker."""
        for number in range(len(self.pictures)):
            candidate = (picture + number) % len(self.pictures)
            try:
                read = self._read(candidate)
            except PictureError as error:
                if self.policy.on_error == "raise":
                    raise PictureError(f"{error}\nLeave such pictures out with data.args.on_error=skip") from error
                self._fail(candidate, error)
                continue
            if self._fits(read):
                return read
        raise DataError("no picture of the set can be used")

    def _fail(self, picture: int, error: PictureError) -> None:
        if picture in self._failed:
            return
        self._failed.add(picture)
        _log.warning("skipped: %s (%d of %d pictures so far)", error, len(self._failed), len(self.pictures))
        self.policy.note("train", printable(self.pictures.name(picture)), error.reason)
        if len(self._failed) > self.policy.max_failed * len(self.pictures):
            raise DataError(
                f"{len(self._failed)} of {len(self.pictures)} pictures cannot be used, more than the share "
                f"max_failed = {self.policy.max_failed:g}\nThe last: {error}\nMend the set, or raise max_failed"
            )


@dataclass
class WholePictures(Dataset[Any]):
    """Whole pictures, one a batch, for evaluation: ``image`` uint8 ``[1, C, H, W]`` and ``name``."""

    pictures: Pictures
    chosen: list[int]
    crop: int | None = None
    transform: Transform | None = None
    policy: Policy = field(default_factory=Policy)
    least: int = 1

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, number: int) -> Batch | Failure | Missing:
        index = self.chosen[number]
        try:
            planes = self.pictures.get(index)
        except PictureError as error:
            if self.policy.on_error == "raise":
                return Failure(f"{error}\nLeave such pictures out with data.args.on_error=skip")
            self.policy.note("valid", printable(self.pictures.name(index)), error.reason)
            _log.warning("not measured: %s", error)
            return Missing(str(error))
        except DlicError as error:
            return Failure.of(error)
        if min(planes.shape[1:]) < self.least:
            size, name = f"{planes.shape[1]}x{planes.shape[2]}", printable(self.pictures.name(index))
            small = f"{name} is {size}, smaller than {self.least}"
            _log.warning("%s, and not measured", small)
            return Missing(small, failed=False)
        batch = self._batch(index, planes)
        if self.transform is not None:
            batch = self.transform(batch, keys(0, np.zeros(1, np.int64), np.array([index])))
        return {**batch, "name": [printable(self.pictures.name(index))]}

    def _batch(self, index: int, planes: NDArray[np.uint8]) -> Batch:
        return {"image": torch.from_numpy(centre(planes, self.crop)[None].copy())}


def centre(planes: NDArray[np.uint8], crop: int | None) -> NDArray[np.uint8]:
    """The middle of a picture, of this side where it has as much."""
    """The middle of a picture, of this side where it has as much."""
    if crop is None:
        return planes
    height, width = min(crop, planes.shape[1]), min(crop, planes.shape[2])
    top, left = (planes.shape[1] - height) // 2, (planes.shape[2] - width) // 2
    return planes[:, top : top + height, left : left + width]
