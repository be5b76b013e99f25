"""Training on parquet files while they are read, with neither a download nor a cache before.

The files are dealt to `LANES` lanes a rank; batch ``s`` comes from lane ``s % LANES``, and each loader worker serves
the lanes that fall to it. The batches are therefore the same for every number of workers that divides `LANES`, every
picture comes once in each of its lane's rounds, and a resumed run skips whole row groups by their recorded counts.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import IterableDataset, get_worker_info

from dlic_datamodules.decode import DecodeOptions, decode
from dlic_datamodules.draws import keys, permutation
from dlic_datamodules.errors import DataError, PictureError
from dlic_datamodules.hub import picture_bytes
from dlic_datamodules.policy import Policy
from dlic_datamodules.stream import Batch, Cutter, Failure, Transform
from dlic_registry import DlicError

__all__ = ["LANES", "Lane", "Shards", "StreamedCrops", "StreamedPictures", "cells", "deal"]

_log = logging.getLogger("dlic.data")

LANES = 12
_WINDOW = 64
# Failures are a share of something only after some pictures.
_ENOUGH = 100


@dataclass(frozen=True)
class Shards:
    """Parquet files with a column of pictures.

    Attributes:
        files: Paths or addresses that ``fsspec`` opens.
        column: The column: a binary one, or a struct with a field ``bytes``.
    """

    files: tuple[str, ...]
    column: str

    def groups(self, shard: int) -> tuple[int, ...]:
        """Rows of each row group of a file."""
        return _groups(self.files[shard])

    def read(self, shard: int, group: int) -> Iterator[Any]:
        """The cells of one row group."""
        import fsspec
        import pyarrow.parquet as pq

        with fsspec.open(self.files[shard], "rb") as handle:
            file = pq.ParquetFile(handle)
            for batch in file.iter_batches(batch_size=_WINDOW, row_groups=[group], columns=[self.column]):
                yield from batch.column(0).to_pylist()


@lru_cache(maxsize=4096)
def _groups(path: str) -> tuple[int, ...]:
    import fsspec
    import pyarrow.parquet as pq

    with fsspec.open(path, "rb") as handle:
        meta = pq.ParquetFile(handle).metadata
        return tuple(meta.row_group(i).num_rows for i in range(meta.num_row_groups))


@dataclass(frozen=True)
class Lane:
    """One lane's share: some files, and of those every ``stride``-th row from ``first``."""

    shards: tuple[int, ...]
    first: int = 0
    stride: int = 1

    def share(self, offset: int, rows: int) -> NDArray[np.int64]:
        """Which rows of a row group, ``offset`` rows into its file, fall to this lane."""
        return np.arange((self.first - offset) % self.stride, rows, self.stride, dtype=np.int64)

    def groups(self, sizes: Sequence[int]) -> list[NDArray[np.int64]]:
        """Its rows of each row group of a file."""
        offsets = itertools.accumulate(sizes, initial=0)
        return [self.share(offset, rows) for offset, rows in zip(offsets, sizes, strict=False)]


def deal(files: int, lane: int, lanes: int) -> Lane:
    """Deals files to lanes; where there are fewer files, lanes that share one take turns at its rows."""
    if files >= lanes:
        return Lane(tuple(range(lane, files, lanes)))
    shard = lane % files
    return Lane((shard,), lane // files, len(range(shard, lanes, files)))


def cells(shards: Shards, lane: Lane, seed: int, skip: int) -> Iterator[Any]:
    """A lane's pictures, round after round, each round's files and rows in another order.

    Args:
        shards: The files.
        lane: The lane's share of them.
        seed: Seeds the orders.
        skip: Pictures to leave out at the beginning: whole rounds and row groups are skipped without being read.

    Raises:
        DataError: The lane holds no pictures.
    """
    whole = sum(len(mine) for shard in lane.shards for mine in lane.groups(shards.groups(shard))) if skip else 0
    turn, skip = divmod(skip, whole) if whole else (0, skip)
    while True:
        given = 0
        for number in permutation(seed, turn, len(lane.shards)).tolist():
            shard = lane.shards[number]
            for group, mine in enumerate(lane.groups(shards.groups(shard))):
                given += len(mine)
                if skip >= len(mine):  # also where no row of the group falls to this lane
                    skip -= len(mine)
                    continue
                yield from _mixed(shards.read(shard, group), mine, seed ^ (shard << 20 | group), turn, skip)
                skip = 0
        if not given:
            raise DataError("a lane of the streamed set is empty: too few pictures; set data.args.streaming=false")
        turn += 1


def _mixed(row_group: Iterator[Any], mine: NDArray[np.int64], seed: int, turn: int, skip: int) -> Iterator[Any]:
    """A lane's rows of a row group, in another order within each window."""
    wanted = set(mine.tolist())
    window: list[Any] = []
    done = 0
    for row, cell in enumerate(row_group):
        if row in wanted:
            window.append(cell)
        if len(window) == _WINDOW or (row == mine[-1] and window):
            order = permutation(seed, turn, len(window)).tolist()
            yield from (window[i] for i in order[max(0, skip - done) :])
            done += len(window)
            window = []


@dataclass
class StreamedCrops(IterableDataset[Any]):
    """Batches ``start`` to ``steps - 1`` of a run, cut from pictures as they arrive."""

    shards: Shards
    options: DecodeOptions
    cutter: Cutter
    batch_size: int
    steps: int
    start: int = 0
    seed: int = 0
    rank: int = 0
    world_size: int = 1
    transform: Transform | None = None
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        self._seen = self._failed = 0

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Batch | Failure]:
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info is not None else (0, 1)
        lanes: dict[int, Iterator[Any]] = {}
        for step in range(self.start + worker, self.steps, workers):
            lane = step % LANES
            try:
                if lane not in lanes:
                    lanes[lane] = self._lane(lane, step // LANES * self.batch_size)
                yield self._batch(step, lanes[lane])
            except (DlicError, OSError) as error:
                yield Failure.of(error)
                return

    def _lane(self, lane: int, skip: int) -> Iterator[Any]:
        number, lanes = lane * self.world_size + self.rank, LANES * self.world_size
        return cells(self.shards, deal(len(self.shards.files), number, lanes), self.seed, skip)

    def _batch(self, step: int, lane: Iterator[Any]) -> Batch:
        numbers = self.rank * self.batch_size + np.arange(self.batch_size, dtype=np.int64)
        key = keys(self.seed, np.full(self.batch_size, step, np.int64), numbers)
        images = self.cutter.cut(self._pictures(itertools.islice(lane, self.batch_size)), key)
        batch = {"image": torch.from_numpy(images)}
        return batch if self.transform is None else self.transform(batch, key)

    def _pictures(self, lane: Iterator[Any]) -> list[NDArray[np.uint8]]:
        """A batch's pictures; those that cannot be used are replaced from the batch, so that all lanes keep step."""
        found = [self._decoded(cell) for cell in lane]
        good = [picture for picture in found if picture is not None]
        if not good:
            raise DataError("none of a whole batch of streamed pictures can be used")
        spare = itertools.cycle(good)
        return [next(spare) if picture is None else picture for picture in found]

    def _decoded(self, cell: Any) -> NDArray[np.uint8] | None:
        self._seen += 1
        picture: NDArray[np.uint8] | None
        try:
            picture = decode(picture_bytes(cell), self.options)
        except PictureError as error:
            if self.policy.on_error == "raise":
                raise PictureError(
                    f"a streamed picture: {error}\nLeave such out with data.args.on_error=skip"
                ) from error
            self._failed += 1
            _log.warning("skipped: a streamed picture: %s (%d of %d so far)", error, self._failed, self._seen)
            self.policy.note("train", f"streamed picture {self._seen}", error.reason)
            picture = None
        self._check_share()
        return picture if picture is not None and self.cutter.fits(picture) else None

    def _check_share(self) -> None:
        if self._seen >= _ENOUGH and self._failed > self.policy.max_failed * self._seen:
            raise DataError(
                f"{self._failed} of {self._seen} streamed pictures cannot be used, more than max_failed = "
                f"{self.policy.max_failed:g}\nMend the set, or raise data.args.max_failed"
            )


class StreamedPictures:
    """The first pictures of some files, each read when it is asked for: a streamed set's validation.

    Args:
        shards: The files.
        options: How to decode.
        limit: How many pictures.
    """

    def __init__(self, shards: Shards, options: DecodeOptions, limit: int) -> None:
        self.shards, self.options, self.channels = shards, options, options.channels
        places = ((s, g, rows) for s in range(len(shards.files)) for g, rows in enumerate(shards.groups(s)))
        every = ((s, g, row) for s, g, rows in places for row in range(rows))
        self.places = list(itertools.islice(every, limit))

    def __len__(self) -> int:
        return len(self.places)

    def get(self, index: int) -> NDArray[np.uint8]:
        """Decodes picture ``index``.

        Raises:
            PictureError: It cannot be used.
        """
        shard, group, row = self.places[index]
        return decode(picture_bytes(_row_group(self.shards, shard, group)[row]), self.options)

    def name(self, index: int) -> str:
        """File, row group and row."""
        shard, group, row = self.places[index]
        return f"{self.shards.files[shard].rsplit('/', 1)[-1]}/{group}/{row}"


@lru_cache(maxsize=1)
def _row_group(shards: Shards, shard: int, group: int) -> list[Any]:
    return list(shards.read(shard, group))
