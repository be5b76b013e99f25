"""ImageNet-1k (Russakovsky et al. 2015): as a tree of files, as parquet files, or streamed from the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlic_datamodules.base import PictureDataModule, Splits
from dlic_datamodules.errors import DataError, printable
from dlic_datamodules.folder import named_folders
from dlic_datamodules.hub import VALID_SPLITS, HubSource, hub_errors, open_splits, parquet_column, parquet_files
from dlic_datamodules.loader import PictureLoader
from dlic_datamodules.source import scan
from dlic_datamodules.stream import WholePictures
from dlic_datamodules.streamed import LANES, Shards, StreamedCrops, StreamedPictures

__all__ = ["HUB_NAME", "LICENCE", "ImageNetDataModule"]

HUB_NAME = "ILSVRC/imagenet-1k"
LICENCE = f"https://huggingface.co/datasets/{HUB_NAME}"
_KAGGLE = Path("ILSVRC/Data/CLS-LOC")
_STREAMED_VALID = 100


class ImageNetDataModule(PictureDataModule):
    """ImageNet from a local tree (``train/n01440764/*.JPEG``, ``val/...``) or from parquet files.

    Give `root` for a tree of files, also in Kaggle's layout, or `repo` for the hub's set (gated: accept its terms on
    its page, then ``hf auth login`` or ``HF_TOKEN``), a mirror of it, or a local folder of its parquet
    files. Labels are not read. It is not cached unless asked (1.28 million pictures take about
    700 GB decoded; ``downsize`` makes that less).

    Args:
        root: Local tree of files.
        repo: Hub name or local folder of parquet files; `HUB_NAME` is the original.
        streaming: Train on parquet files while they arrive: no download before, no cache. Each picture comes once in a
            pass, over all ranks and workers; `workers` must divide 12.
        cache: Keep decoded pictures in a memory map.
        shared: See `PictureDataModule`.

    Raises:
        DataError: Neither or both of root and repo are given, or the pictures are not there.
    """

    def __init__(
        self,
        root: str | None = None,
        *,
        repo: str | None = None,
        streaming: bool = False,
        cache: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(cache=cache and not streaming, **shared)
        if (root is None) == (repo is None):
            raise DataError(
                "imagenet: give either data.args.root (a local tree) or data.args.repo\n"
                f"({HUB_NAME}, a mirror of it, or a local folder of its parquet files)"
            )
        if streaming and repo is None:
            raise DataError(
                "imagenet: data.args.streaming needs data.args.repo; files of a local tree are read directly"
            )
        if streaming and self.workers and LANES % self.workers:
            raise DataError(
                f"data.args.workers must divide {LANES} when streaming, not {self.workers}: 0, 1, 2, 3, 4, 6 or 12"
            )
        self.root = Path(root).expanduser() if root is not None else None
        self.repo, self.streaming = repo, streaming

    def splits(self) -> Splits:
        """Finds the pictures."""
        if self.root is not None:
            return self._tree(self.root)
        repo = str(self.repo)
        with hub_errors(repo, LICENCE if repo == HUB_NAME else None):
            parts = open_splits(repo)
            sources = {part: HubSource(f"imagenet-{part}", dataset, repo) for part, dataset in parts.items()}
        return Splits(sources["train"], sources.get("valid"))

    def setup(self, stage: str | None = None) -> None:
        """Finds the pictures; streamed ones are only looked up."""
        if self.streaming:
            self._shards("train")
        else:
            super().setup(stage)

    def train_dataloader(self) -> PictureLoader:
        """The stream of training batches."""
        if not self.streaming:
            return super().train_dataloader()
        if self._steps is None:
            raise DataError("a streamed set has no epochs: call configure(steps=...) first")
        rank, world_size = self._place()
        stream = StreamedCrops(
            self._shards("train"),
            self.options,
            self._cutter(),
            self.batch_size,
            self._steps,
            start=self._start,
            seed=self._seed,
            rank=rank,
            world_size=world_size,
            transform=self._transform,
            policy=self._policy(),
        )
        return self._loader(stream, self.workers)

    def _own_valid(self) -> PictureLoader | list[Any]:
        """Whole validation pictures; of a streamed set the first `val_limit` (100 unless given)."""
        if not self.streaming:
            return super()._own_valid()
        limit = self.val_limit or _STREAMED_VALID
        pictures = StreamedPictures(self._shards("valid"), self.options, limit)
        whole = WholePictures(pictures, list(range(len(pictures))), self.val_crop, self._transform, self._policy())
        return self._loader(whole, min(1, self.workers))

    def test_dataloader(self) -> PictureLoader | list[Any]:
        """The validation pictures: the test set's labels and terms are the organisers'."""
        return self._own_valid()

    def _tree(self, root: Path) -> Splits:
        places = [root, root / _KAGGLE]
        base = next((place for place in places if named_folders([place], "train")), None)
        if base is None:
            raise DataError(
                f"no folder train in {printable(str(root))}: ImageNet is not there\n"
                f"Unpack it as train/n01440764/*.JPEG and val/, or take data.args.repo={HUB_NAME} (terms: {LICENCE})"
            )
        valid = named_folders([base], "valid")
        train = scan(named_folders([base], "train"), "imagenet-train")
        return Splits(train, scan(valid, "imagenet-valid") if valid else None)

    def _shards(self, part: str) -> Shards:
        from datasets import load_dataset_builder

        repo = str(self.repo)
        with hub_errors(repo, LICENCE if repo == HUB_NAME else None):
            splits = load_dataset_builder(repo).config.data_files or {}
            names = ["train"] if part == "train" else [name for name in VALID_SPLITS if name in splits]
            if not names:
                return Shards((), "")
            files = parquet_files(repo, names[0])
            return Shards(tuple(files), parquet_column(files[0], repo))
