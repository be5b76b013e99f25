"""The base of all sets of pictures: their parts streamed as crops for training, whole for evaluation."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from dlic_datamodules.arguments import check as _check
from dlic_datamodules.arguments import check_batch, check_workers
from dlic_datamodules.cached import CachedPictures
from dlic_datamodules.decode import DecodeOptions
from dlic_datamodules.decoded import Pictures
from dlic_datamodules.errors import DataError
from dlic_datamodules.loader import PictureLoader, StartWorker, StepSampler, as_is
from dlic_datamodules.opened import OpenedParts, Splits
from dlic_datamodules.policy import Policy
from dlic_datamodules.shared_arguments import tell_shared
from dlic_datamodules.small import measurable, tell_small, usable
from dlic_datamodules.stream import CropStream, Cutter, Transform, WholePictures
from dlic_datamodules.transform import TransformSpec, build_transform
from dlic_datamodules.validation import OWN, Rounds, ValidSets
from dlic_registry import imported_plugins

__all__ = ["PictureDataModule", "Splits"]

_PREFETCH = 4


class PictureDataModule(OpenedParts):
    """Pictures and nothing else: crops in one continuous stream for training, whole pictures for evaluation.

    A set overrides `splits`. Training batches are ``{"image": uint8 [B, 3 or 1, crop, crop]}``, evaluation batches
    ``{"image": uint8 [1, 3 or 1, H, W], "name": [str]}``. Batch number ``s`` of a run is the same tensor whatever the
    number of workers and whether or not the run was resumed.

    Args:
        crop: Side of the training crops in pixels.
        batch_size: Crops a batch (and rank).
        workers: Loader processes; 0 loads in the training process.
        augment: Draw one of the eight flips and rotations a crop.
        to_gray: Share of crops turned grey (in three channels), 0 to 1.
        gray: One channel, full-range luma, instead of RGB.
        downsize: Both sides of every picture are divided by this (antialiased bicubic) before anything else.
        on_error: ``raise`` stops at a picture that cannot be used, ``skip`` leaves it out and lists it.
        max_failed: Largest share of pictures that may be left out.
        small: Pictures smaller than the crop: ``pad`` continues them by mirroring, ``skip`` leaves them out; ``auto``
            mirrors them unless every picture is smaller, which is taken for a mistake.
        cache: Keep decoded pictures in a memory map; without it each crop decodes its picture.
        cache_dir: Root of the cache; by default ``$DLIC_CACHE`` or ``~/.cache/dlic``.
        max_pixels: Pictures that declare more are refused before decoding.
        val_limit: Evaluate on at most so many pictures, spread over the set.
        val_crop: Evaluate on the centre crop of this side.
        valid_sets: More sets to validate on, by name: folders, lists of files or patterns. Each has figures of its own.
        transform: What the loader's workers add to a batch, by registered name with its arguments; several, in their
            order, as ``{degrade: {...}, hinted: {...}}``.

    Raises:
        DataError: An argument is out of its range.
    """

    dlic_api: ClassVar[int] = 1
    crops: ClassVar[type[CropStream]] = CropStream
    whole: ClassVar[type[WholePictures]] = WholePictures
    # Arguments that are paths: a run records them as absolute.
    path_args: ClassVar[tuple[str, ...]] = ("root", "cache_dir", "valid_sets")
    # The folder below ``$DLIC_DATA`` where a recipe names no root; empty where it must name something.
    default_root: ClassVar[str] = ""

    def __init__(
        self,
        *,
        crop: int = 96,
        batch_size: int = 16,
        workers: int = 2,
        augment: bool = True,
        to_gray: float = 0.0,
        gray: bool = False,
        downsize: float = 1.0,
        on_error: Literal["raise", "skip"] = "raise",
        max_failed: float = 0.05,
        small: Literal["auto", "pad", "skip"] = "auto",
        cache: bool = True,
        cache_dir: str | None = None,
        max_pixels: int = 1 << 26,
        val_limit: int | None = None,
        val_crop: int | None = None,
        valid_sets: ValidSets | None = None,
        transform: TransformSpec = None,
    ) -> None:
        check_batch(crop, batch_size, 1 if gray else 3)
        check_workers(workers)
        _check(0 <= to_gray <= 1, "to_gray", to_gray, "a share from 0 to 1")
        _check(1 <= downsize <= 1000, "downsize", downsize, "from 1 to 1000")
        _check(on_error in ("raise", "skip"), "on_error", on_error, "raise or skip")
        _check(0 <= max_failed <= 1, "max_failed", max_failed, "a share from 0 to 1")
        _check(small in ("auto", "pad", "skip"), "small", small, "auto, pad or skip")
        _check(1 <= max_pixels < 1 << 31, "max_pixels", max_pixels, "from 1 to 2147483647")
        _check(val_limit is None or val_limit >= 1, "val_limit", val_limit, "at least 1")
        _check(val_crop is None or val_crop >= 1, "val_crop", val_crop, "at least 1")
        super().__init__(
            DecodeOptions(gray, float(downsize), max_pixels),
            cache=cache,
            cache_dir=cache_dir,
            on_error=on_error,
            max_failed=max_failed,
            valid_sets=valid_sets,
        )
        self.crop, self.batch_size, self.workers = crop, batch_size, workers
        self.augment, self.to_gray, self.small = augment, to_gray, small
        self.val_limit, self.val_crop = val_limit, val_crop
        self._steps: int | None = None
        self._start = self._seed = 0
        self._least = 1
        self._limit: int | None = None
        self._transform: Transform | None = build_transform(transform)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            tell_shared(cls, PictureDataModule)

    # What the training calls.

    def configure(
        self,
        *,
        steps: int,
        start: int = 0,
        seed: int = 0,
        run_dir: Path | None = None,
        transform: Transform | None = None,
        least: int = 1,
        limit: int | None = None,
    ) -> None:
        """Sets the run: to be called before `train_dataloader`, and again before a resumed run goes on.

        Args:
            steps: Batches of the whole run.
            start: Batches already done; the stream begins with this number.
            seed: Seeds order, crops and flips.
            run_dir: Where ``skipped.csv`` goes.
            transform: Adds to a batch in the loader's workers, in place of the argument of that name; a
                `dlic_datamodules.transform.BatchTransform` or a function like it.
            least: Shorter side that a picture must have to be evaluated; smaller ones are left out and listed.
            limit: Train on the first so many pictures only; None takes all.
        """
        _check(steps >= 1, "steps", steps, "at least 1")
        _check(0 <= start <= steps, "start", start, f"from 0 to {steps}")
        self._steps, self._start, self._seed = steps, start, seed
        self._run_dir, self._least, self._limit = run_dir, least, limit
        if self.val_crop is not None:
            _check(self.val_crop >= least, "val_crop", self.val_crop, f"at least {least}, to be measured")
        self._transform = transform or self._transform
        self._write_skipped()

    def setup(self, stage: str | None = None) -> None:
        """Finds and caches what the stage (``fit``, ``validate``, ``test`` or all) needs."""
        valid = ("valid", *self.valid_sets)
        wanted = {"fit": ("train", *valid), "validate": valid, "test": ("test",), "predict": ("test",)}
        for split in wanted.get(stage or "fit", ()):
            self.pictures(split)

    def train_dataloader(self) -> PictureLoader:
        """The stream of training batches."""
        pictures = self.pictures("train")
        if pictures is None:
            raise DataError(f"{type(self).__name__}: no training pictures")
        rank, world_size = self._place()
        stream = self.crops(
            pictures,
            self._cutter(),
            self.batch_size,
            seed=self._seed,
            rank=rank,
            world_size=world_size,
            transform=self._transform,
            usable=self._usable(pictures),
            policy=self._policy(),
        )
        if self._steps is None:
            epoch = math.ceil(stream.count / (self.batch_size * world_size))
            # Who overfits some batches wants the same ones in each epoch.
            rolling = not (self.trainer is not None and self.trainer.overfit_batches)  # type: ignore[attr-defined]
            return self._loader(stream, self.workers, StepSampler(epoch, rolling=rolling))
        return self._loader(stream, self.workers, StepSampler(self._steps, self._start))

    def val_dataloader(self) -> PictureLoader | Rounds | list[Any]:
        """Whole validation pictures; an empty list where there are none.

        Those of ``valid_sets`` carry the name of their set as ``set``, and come in turn with the set's own.
        """
        if not self.valid_sets:
            return self._own_valid()
        loaders = [(OWN, self._own_valid()), *((name, self._whole(name)) for name in self.valid_sets)]
        return Rounds([(name, loader) for name, loader in loaders if loader != []])

    def validates_on(self) -> list[str]:
        """Names of the validation sets: the set's own part, `OWN`, where it has one, then those of ``valid_sets``."""
        own = [OWN] if self._own_valid() != [] else []
        return [*own, *self.valid_sets]

    def test_dataloader(self) -> PictureLoader | list[Any]:
        """Whole test pictures; the validation ones where the set has no test part."""
        return self._whole("test")

    def predict_dataloader(self) -> PictureLoader | list[Any]:
        """The same pictures as for a test."""
        return self.test_dataloader()

    # How it is done.

    def _own_valid(self) -> PictureLoader | list[Any]:
        """The validation pictures of the set itself."""
        return self._whole(OWN)

    def _usable(self, pictures: Pictures) -> np.ndarray[Any, np.dtype[np.int64]] | None:
        """Numbers of the pictures large enough, or None for all."""
        chosen = usable(pictures, self.crop, self.small)
        rows = [("train", name, "smaller than the crop") for name in chosen.left_out]
        self._leave_out(rows)
        if self._limit is None or self._limit >= len(pictures):
            return chosen.numbers
        everyone = np.arange(len(pictures), dtype=np.int64) if chosen.numbers is None else chosen.numbers
        return everyone[: self._limit]

    def _whole(self, split: str) -> PictureLoader | list[Any]:
        pictures = self.pictures(split)
        if pictures is None:
            return []
        usable = self._measurable(split, pictures)
        count = len(usable)
        limit = min(count, self.val_limit or count)
        chosen = [usable[i * count // limit] for i in range(limit)]
        kind = WholePictures if split in self.valid_sets else self.whole
        whole = kind(pictures, chosen, self.val_crop, self._transform, self._policy(), self._least)
        # Copying from a memory map is quicker than starting processes for it.
        cheap = isinstance(pictures, CachedPictures) and self._transform is None
        return self._loader(whole, 0 if cheap else min(self.workers, limit))

    def _measurable(self, split: str, pictures: Pictures) -> list[int]:
        """Numbers of the pictures that are large enough to be evaluated, as far as their sizes are known by now."""
        large, rows = measurable(pictures, self._least, split)
        if self._leave_out(rows):
            tell_small(rows, len(pictures), self._least)
        return large

    def _loader(self, dataset: Any, workers: int, sampler: StepSampler | None = None) -> PictureLoader:
        return PictureLoader(
            dataset,
            batch_size=None,
            sampler=sampler,
            num_workers=workers,
            collate_fn=as_is,
            worker_init_fn=StartWorker(tuple(imported_plugins())),
            pin_memory=torch.cuda.is_available(),
            prefetch_factor=_PREFETCH if workers else None,
        )

    def _cutter(self) -> Cutter:
        return Cutter(self.crop, self.options.channels, self.augment, self.to_gray, self.small == "skip")

    def _policy(self) -> Policy:
        listing = self._run_dir / "skipped.csv" if self._run_dir is not None and self.on_error == "skip" else None
        return Policy(self.on_error, self.max_failed, listing)
