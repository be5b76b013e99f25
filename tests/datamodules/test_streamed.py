"""Training on parquet files as they are read."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, Image
from picture_maker import encoded, flat
from torch import Tensor

from dlic_datamodules.decode import DecodeOptions
from dlic_datamodules.errors import DataError
from dlic_datamodules.imagenet import ImageNetDataModule
from dlic_datamodules.loader import PictureLoader, as_is
from dlic_datamodules.stream import Cutter
from dlic_datamodules.streamed import LANES, Shards, StreamedCrops, deal


def _write(root: Path, files: int, rows: int, bad: tuple[int, ...] = (), split: str = "train") -> list[str]:
    root.mkdir(parents=True, exist_ok=True)
    paths = []
    for file in range(files):
        numbers = range(file * rows, (file + 1) * rows)
        cells = [{"bytes": b"no picture" if n in bad else encoded(flat(n, 12)), "path": None} for n in numbers]
        table = Dataset.from_dict({"image": cells}, features=Features({"image": Image()}))
        paths.append(str(root / f"{split}-{file:05d}-of-{files:05d}.parquet"))
        table.to_parquet(paths[-1], batch_size=7)
    return paths


def _load(root: Path, workers: int = 0, start: int = 0, steps: int = 40, **arguments: object) -> list[Tensor]:
    data = ImageNetDataModule(repo=str(root), streaming=True, workers=workers, crop=8, batch_size=2, **arguments)
    data.configure(steps=steps, start=start, seed=4)
    loader = data.train_dataloader()
    assert len(loader) == steps
    return [batch["image"] for batch in loader]


@pytest.mark.slow
@pytest.mark.parametrize("files", [3, 24])
def test_batches_are_the_same_for_any_number_of_workers_and_after_resuming(files: int, tmp_path: Path) -> None:
    _write(tmp_path, files, 120 // files)
    whole = _load(tmp_path)
    for workers, start in ((1, 0), (4, 0), (0, 17), (3, 26)):
        again = _load(tmp_path, workers, start)
        assert len(again) == 40 - start
        assert all(torch.equal(a, b) for a, b in zip(whole[start:], again, strict=True))
    other = ImageNetDataModule(repo=str(tmp_path), streaming=True, workers=0, crop=8, batch_size=2)
    other.configure(steps=40, seed=5)
    assert not all(torch.equal(a["image"], b) for a, b in zip(other.train_dataloader(), whole, strict=True))


def _ranks(paths: list[str], world_size: int, workers: int, steps: int) -> Iterator[int]:
    """The numbers of all pictures that the ranks' loaders give."""
    for rank in range(world_size):
        stream = StreamedCrops(
            Shards(tuple(paths), "image"), DecodeOptions(), Cutter(8, 3), 1, steps, rank=rank, world_size=world_size
        )
        for batch in PictureLoader(stream, batch_size=None, num_workers=workers, collate_fn=as_is):
            yield from batch["image"][:, 0, 0, 0].tolist()


@pytest.mark.slow
@pytest.mark.parametrize(("files", "rows", "world_size"), [(48, 2, 2), (4, 24, 2), (1, 12, 1), (2, 36, 3)])
def test_nodes_and_workers_together_see_each_picture_once_a_pass(
    files: int, rows: int, world_size: int, tmp_path: Path
) -> None:
    paths = _write(tmp_path, files, rows)
    steps = files * rows // world_size
    for workers in (0, 2):
        assert sorted(_ranks(paths, world_size, workers, steps)) == list(range(files * rows))


def test_every_file_and_row_is_dealt_exactly_once() -> None:
    for files in range(1, 60):
        for lanes in (1, LANES, 2 * LANES, 5 * LANES):
            dealt = np.zeros((files, 10 * LANES), np.int64)
            for lane in range(lanes):
                share = deal(files, lane, lanes)
                np.add.at(dealt, np.ix_(share.shards, share.share(0, 10 * LANES)), 1)
            assert (dealt == 1).all()


def test_passes_differ_in_order(tmp_path: Path) -> None:
    paths = _write(tmp_path, 2, 36)
    seen = list(_ranks(paths, 1, 0, 144))
    assert sorted(seen[:72]) == sorted(seen[72:])
    assert seen[:72] != seen[72:]


@pytest.mark.slow
def test_unusable_pictures(tmp_path: Path) -> None:
    _write(tmp_path / "set", 2, 60, bad=(7, 99))
    with pytest.raises(DataError, match="not a picture"):
        _load(tmp_path / "set", steps=80)
    run = tmp_path / "run"

    def load(workers: int, start: int, share: float = 0.1) -> list[Tensor]:
        data = ImageNetDataModule(
            repo=str(tmp_path / "set"),
            streaming=True,
            workers=workers,
            crop=8,
            batch_size=2,
            on_error="skip",
            max_failed=share,
        )
        data.configure(steps=80, start=start, run_dir=run)
        return [batch["image"] for batch in data.train_dataloader()]

    whole = load(0, 0)
    assert all(torch.equal(a, b) for a, b in zip(whole[33:], load(2, 33), strict=True))
    assert "not a picture" in (run / "skipped.csv").read_text()
    with pytest.raises(DataError, match="max_failed"):
        load(0, 0, share=0.001)


def test_validation_reads_the_first_pictures(tmp_path: Path) -> None:
    _write(tmp_path, 1, 12)
    _write(tmp_path, 2, 10, split="validation")
    for workers in (0, 2):
        data = ImageNetDataModule(repo=str(tmp_path), streaming=True, workers=workers, val_limit=13)
        batches = list(data.val_dataloader())
        assert [int(batch["image"][0, 0, 0, 0]) for batch in batches] == list(range(13))
        assert batches[-1]["name"] == ["validation-00001-of-00002.parquet/0/2"]


def test_too_few_pictures_for_the_lanes(tmp_path: Path) -> None:
    _write(tmp_path, 1, 5)
    with pytest.raises(DataError, match="streaming=false"):
        _load(tmp_path)
