"""One stream of crops, whoever makes it."""

import collections
import hashlib
import inspect
import multiprocessing
import os
import pickle
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from forking import run_forked
from picture_maker import encoded, flat, noise, write_pictures
from torch import Tensor

from dlic_datamodules.decode import DecodeOptions
from dlic_datamodules.decoded import DecodedPictures
from dlic_datamodules.draws import bounded, keys, permutation, words
from dlic_datamodules.errors import DataError
from dlic_datamodules.folder import FolderDataModule
from dlic_datamodules.sample import SampleDataModule
from dlic_datamodules.source import scan
from dlic_datamodules.stream import CropStream, Cutter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven pictures of different sizes."""
    root = tmp_path_factory.mktemp("stream")
    for number in range(7):
        (root / f"{number}.png").write_bytes(encoded(noise(40 + number, 60 - 3 * number, seed=number)))
    return root


def _batches(root: Path, workers: int = 0, start: int = 0, steps: int = 9, **arguments: object) -> list[Tensor]:
    options = {"crop": 24, "batch_size": 4, "valid_fraction": 0.0} | arguments
    data = FolderDataModule(str(root), workers=workers, **options)
    data.configure(steps=steps, start=start, seed=5)
    loader = data.train_dataloader()
    assert len(loader) == steps
    return [batch["image"] for batch in loader]


@pytest.mark.slow
def test_batches_are_the_same_for_any_number_of_workers_and_after_resuming(folder: Path) -> None:
    whole = _batches(folder)
    assert [tuple(batch.shape) for batch in whole] == [(4, 3, 24, 24)] * 9
    assert all(batch.dtype == torch.uint8 and batch.is_contiguous() for batch in whole)
    for workers, start in ((1, 0), (4, 0), (0, 5), (2, 3), (1, 9)):
        again = _batches(folder, workers, start)
        assert len(again) == 9 - start
        assert all(torch.equal(a, b) for a, b in zip(whole[start:], again, strict=True))


def test_decoding_each_time_draws_the_same_crops_as_the_cache(folder: Path) -> None:
    for a, b in zip(_batches(folder), _batches(folder, cache=False), strict=True):
        assert torch.equal(a, b)


def test_stream_is_the_same_in_every_version() -> None:
    """A changed digest means that resumed runs go on with other crops: bump nothing silently."""
    index = np.arange(4, dtype=np.int64)
    drawn = words(keys(7, np.full(4, 2, np.int64), index), 2)
    assert hashlib.sha256(drawn.astype("<u8").tobytes()).hexdigest()[:16] == "e3e9b9fabc21a637"
    assert permutation(7, 2, 10).tolist() == [9, 8, 5, 1, 2, 7, 3, 6, 4, 0]


def test_every_epoch_has_every_picture_once_in_another_order(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.png").write_bytes(encoded(flat(number)))
    data = FolderDataModule(str(tmp_path), valid_fraction=0.0, crop=8, batch_size=4, workers=0)
    data.configure(steps=10, seed=1)
    seen = [int(image[0, 0, 0]) for batch in data.train_dataloader() for image in batch["image"]]
    epochs = [seen[start : start + 10] for start in range(0, 40, 10)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_ranks_share_one_stream(folder: Path) -> None:
    pictures = DecodedPictures(scan([folder], "x"), DecodeOptions())
    cutter = Cutter(24, 3)
    together = CropStream(pictures, cutter, 8, seed=3)
    apart = [CropStream(pictures, cutter, 4, seed=3, rank=rank, world_size=2) for rank in range(2)]
    for step in range(5):
        halves = [stream.batch(step)["image"] for stream in apart]
        assert torch.equal(together.batch(step)["image"], torch.cat(halves))


def test_crops_come_from_everywhere_and_in_all_orientations(tmp_path: Path) -> None:
    size = 9
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.arange(size), np.arange(size)[:, None]
    (tmp_path / "a.png").write_bytes(encoded(pixels))
    data = FolderDataModule(str(tmp_path), valid_fraction=0.0, crop=5, batch_size=50, workers=0)
    data.configure(steps=20)
    crops = np.concatenate([batch["image"].numpy() for batch in data.train_dataloader()])
    low = crops.reshape(len(crops), 3, -1).min(2)
    places, counts = np.unique(low[:, :2], axis=0, return_counts=True)
    assert len(places) == 25
    assert counts.min() > 15
    corners = crops[:, :2] - low[:, :2, None, None]
    turns = {corner[:, [0, 0, 4], [0, 4, 0]].tobytes() for corner in corners}
    assert len(turns) == 8


def test_without_augmentation_a_picture_of_the_crop_s_size_is_itself(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(noise(16, 16)))
    batch = _batches(tmp_path, crop=16, augment=False, steps=1)[0]
    assert torch.equal(batch[0], torch.from_numpy(noise(16, 16).transpose(2, 0, 1)))


def test_small_pictures_are_mirrored_or_left_out(tmp_path: Path) -> None:
    (tmp_path / "big.png").write_bytes(encoded(flat(200, side=40)))
    (tmp_path / "small.png").write_bytes(encoded(noise(10, 40)))
    padded = _batches(tmp_path, crop=24, augment=False)
    assert any(
        (image[:, :10] == image[:, 10:20].flip(1)).all() and image.float().std() > 9 for b in padded for image in b
    )
    for cache in (True, False):
        kept = _batches(tmp_path, crop=24, small="skip", cache=cache)
        assert all((batch[:, 0] == 200).all() for batch in kept)
    with pytest.raises(DataError, match="crop = 64"):
        _batches(tmp_path, crop=64, small="skip")


def test_grey_and_sometimes_grey(folder: Path) -> None:
    assert _batches(folder, gray=True)[0].shape == (4, 1, 24, 24)
    batches = torch.cat(_batches(folder, to_gray=0.5, steps=50))
    share = ((batches[:, 0] == batches[:, 1]) & (batches[:, 1] == batches[:, 2])).all((1, 2)).float().mean()
    assert 0.35 < share < 0.65
    color, gray = _batches(folder, augment=False)[0], _batches(folder, augment=False, gray=True)[0]
    turned = _batches(folder, augment=False, to_gray=1.0)[0]
    assert torch.equal(turned[:, :1], gray)
    assert not torch.equal(color, turned)


def test_validation_gives_whole_pictures_by_name(pictures: Path) -> None:
    data = FolderDataModule(str(pictures), workers=0)
    batches = list(data.val_dataloader())
    assert [tuple(batch["image"].shape) for batch in batches] == [(1, 3, 64, 72)] * 2
    assert [batch["name"] for batch in batches] == [["0-160.png"], ["0-60.png"]]
    cropped = FolderDataModule(str(pictures), workers=1, val_limit=1, val_crop=20, cache=False).val_dataloader()
    (only,) = list(cropped)
    assert torch.equal(only["image"], batches[0]["image"][:, :, 22:42, 26:46])


def _mark(batch: dict[str, Tensor], key: np.ndarray) -> dict[str, Tensor]:
    return {**batch, "key": torch.from_numpy(key.astype(np.int64))}


def test_transform_runs_in_the_workers_with_keys_of_its_own(folder: Path) -> None:
    def run(workers: int) -> list[Tensor]:
        data = FolderDataModule(str(folder), crop=16, batch_size=4, workers=workers)
        data.configure(steps=4, seed=2, transform=_mark)
        return [batch["key"] for batch in data.train_dataloader()]

    assert all(torch.equal(a, b) for a, b in zip(run(0), run(2), strict=True))
    assert len({int(key) for batch in run(0) for key in batch}) == 16


class _Watcher(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen: list[bytes] = []

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        self.seen.append(hashlib.sha256(batch["image"].numpy().tobytes()).digest())
        return self.weight * 0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def test_a_plain_trainer_sees_new_crops_every_epoch(folder: Path, tmp_path: Path) -> None:
    model = _Watcher()
    data = FolderDataModule(str(folder), valid_fraction=0.0, crop=16, batch_size=4, workers=0)
    trainer = pl.Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(model, datamodule=data)
    assert len(model.seen) == 6
    assert len(set(model.seen)) == 6


def test_sample_needs_no_network_and_keeps_scenes_apart() -> None:
    data = SampleDataModule(workers=0)
    data.setup("fit")
    assert data.summary()["pictures"] == {"train": 12, "valid": 3}
    names = [batch["name"][0] for batch in data.val_dataloader()]
    assert names == ["chelsea.png", "coffee.png", "rocket.jpg"]


def test_unusable_pictures_met_while_training(folder: Path, tmp_path: Path) -> None:
    write_pictures(tmp_path / "set", 12)
    (tmp_path / "set" / "0003.png").write_bytes(b"nothing")
    run = tmp_path / "run"
    run.mkdir()

    def load(workers: int, **arguments: object) -> list[Tensor]:
        data = FolderDataModule(
            str(tmp_path / "set"), valid_fraction=0.0, crop=8, batch_size=4, workers=workers, cache=False, **arguments
        )
        data.configure(steps=6, run_dir=run)
        return [batch["image"] for batch in data.train_dataloader()]

    for workers in (0, 2):
        with pytest.raises(DataError, match=r"0003.png: not a picture") as caught:
            load(workers)
        assert len(str(caught.value).splitlines()) <= 5
        with pytest.raises(DataError, match="max_failed"):
            load(workers, on_error="skip", max_failed=0.01)
    kept = load(0, on_error="skip", max_failed=0.1)
    assert all(torch.equal(a, b) for a, b in zip(kept, load(2, on_error="skip", max_failed=0.1), strict=True))
    lines = (run / "skipped.csv").read_text().splitlines()
    assert lines == ['"split","name","reason"', '"train","0003.png","not a picture in any format read here"']


def test_arguments_of_all_sets_are_in_the_signature() -> None:
    signature = inspect.signature(FolderDataModule)
    assert list(signature.parameters)[:2] == ["root", "train"]
    assert {"crop", "batch_size", "gray", "on_error", "cache"} <= set(signature.parameters)
    assert "shared" not in signature.parameters
    assert signature.parameters["crop"].annotation is int


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("crop", 0),
        ("batch_size", 0),
        ("workers", -1),
        ("to_gray", 2.0),
        ("downsize", 0.5),
        ("on_error", "ignore"),
        ("max_failed", -0.1),
        ("small", "drop"),
        ("max_pixels", 0),
        ("val_limit", 0),
        ("val_crop", 0),
        ("crop", -3),
        ("crop", 96.0),
        ("batch_size", 1e9),
        ("workers", 100_000),
        ("downsize", float("inf")),
        ("downsize", float("nan")),
        ("to_gray", float("nan")),
        ("val_limit", -1),
    ],
)
def test_arguments_out_of_range_are_named(argument: str, value: object) -> None:
    with pytest.raises(DataError, match=rf"data.args.{argument} must be .* not {value!r}"):
        SampleDataModule(**{argument: value})


@pytest.mark.parametrize(
    "values", [{"crop": 100_000}, {"batch_size": 10**9}, {"crop": 10**30}, {"crop": 6000, "batch_size": 64}]
)
def test_batches_that_no_machine_has_room_for_are_refused_before_anything(values: dict[str, int]) -> None:
    with pytest.raises(
        DataError, match=r"data.args.crop=\d+ and data.args.batch_size=\d+ make batches of .*\nLower"
    ) as caught:
        SampleDataModule(**values)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("cache", [True, False])
def test_a_crop_larger_than_every_picture_is_a_mistake_unless_asked_for(folder: Path, cache: bool) -> None:
    for small in ("auto", "skip"):
        with pytest.raises(DataError, match=r"every picture is smaller than crop = 64: .* side of 45\n.*small=pad"):
            _batches(folder, crop=64, small=small, cache=cache)
    assert len(_batches(folder, crop=64, small="pad", cache=cache)) == 9
    assert len(_batches(folder, crop=44, cache=cache)) == 9


@pytest.mark.parametrize("cache", [True, False])
def test_sets_without_a_usable_picture_are_named(cache: bool, tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "valid").mkdir()
    (tmp_path / "train" / "only.png").write_bytes(b"nothing")
    for on_error, wanted in (("raise", "only.png: not a picture"), ("skip", "can be used")):
        data = FolderDataModule(str(tmp_path), crop=8, workers=0, on_error=on_error, max_failed=1, cache=cache)
        data.configure(steps=1)
        with pytest.raises(DataError, match=wanted):
            list(data.train_dataloader())
    with pytest.raises(DataError, match=f"no valid pictures under {tmp_path / 'valid'}"):
        FolderDataModule(str(tmp_path), cache=cache).val_dataloader()


def test_draws_are_uniform() -> None:
    index = np.arange(20000, dtype=np.int64)
    drawn = words(keys(0, index // 100, index), 3)
    for word in drawn:
        counts = np.bincount([bounded(value, 7) for value in word.tolist()], minlength=7)
        assert counts.min() > 20000 / 7 * 0.93
        assert counts.max() < 20000 / 7 * 1.07
    assert len(np.unique(drawn)) == drawn.size
    assert len({permutation(seed, epoch, 6).tobytes() for seed in range(5) for epoch in range(5)}) > 15


def test_data_modules_pickle(folder: Path) -> None:
    data = FolderDataModule(str(folder), crop=16, workers=0)
    data.setup("fit")
    data.configure(steps=2)
    copy = pickle.loads(pickle.dumps(data))
    for a, b in zip(data.train_dataloader(), copy.train_dataloader(), strict=True):
        assert torch.equal(a["image"], b["image"])


@pytest.mark.slow
def test_a_half_read_stream_ends_with_its_program(folder: Path) -> None:
    code = (
        "import sys, time\n"
        "from dlic_datamodules.folder import FolderDataModule\n"
        "data = FolderDataModule(sys.argv[1], crop=16, batch_size=2, workers=2)\n"
        "data.configure(steps=1000)\n"
        "batches = iter(data.train_dataloader())\n"
        "next(batches)\n"
        "if sys.argv[2] == 'close': batches.close()\n"
        "print('done', flush=True)\n"
    )
    for ending in ("close", "leave"):
        done = run_forked(code, folder, ending)
        assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


@pytest.mark.slow
def test_a_killed_loader_process_ends_in_one_sentence(folder: Path) -> None:
    data = FolderDataModule(str(folder), crop=16, batch_size=2, workers=2)
    data.configure(steps=100_000)
    others = {process.pid for process in multiprocessing.active_children()}
    batches = iter(data.train_dataloader())
    next(batches)
    worker = next(process for process in multiprocessing.active_children() if process.pid not in others)
    os.kill(worker.pid, signal.SIGKILL)
    start = time.monotonic()
    while time.monotonic() - start < 0.5:  # a training that is somewhere else is not torn out of it
        time.sleep(0.05)
    with pytest.raises(DataError, match=r"was lost .*\nGo on with data.args.workers=0") as caught:
        collections.deque((next(batches) for _ in range(1000)), 0)
    assert caught.value.status == 1
