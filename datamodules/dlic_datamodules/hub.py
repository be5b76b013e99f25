"""Pictures in data sets of Hugging Face's ``datasets``: a hub name, or a local folder of parquet files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlic_datamodules.errors import DataError, PictureError, printable

__all__ = [
    "VALID_SPLITS",
    "HubSource",
    "hub_errors",
    "open_splits",
    "parquet_column",
    "parquet_files",
    "picture_bytes",
    "picture_column",
]

VALID_SPLITS = ("valid", "validation", "val", "test")
_HASHED_ROWS = 64


@contextmanager
def hub_errors(repo: str, licence: str | None = None) -> Iterator[None]:
    """Turns what goes wrong on the way to a hub data set into one sentence with the remedy.

    Args:
        repo: What was asked for.
        licence: Page where access is granted, for gated sets.

    Raises:
        DataError: Always in place of the library's own errors.
    """
    from datasets.exceptions import DatasetsError

    try:
        yield
    except (DatasetsError, OSError, ValueError) as error:
        text = " ".join(str(error).split())[:160]
        name = printable(repo)
        if "gated" in text.lower() or "authenticated" in text.lower():
            page = licence or f"https://huggingface.co/datasets/{name}"
            raise DataError(
                f"{name} is gated: accept its terms at {page}\nThen give a token of that account: hf auth login, "
                "or the variable HF_TOKEN\nA local copy needs no token: give its folder instead"
            ) from error
        raise DataError(
            f"data set {name}: {text}\nCheck the name and the network, or give a local folder of its parquet files"
        ) from error


def open_splits(repo: str) -> dict[str, Any]:
    """Opens the training split and the first of `VALID_SPLITS` there is, downloading what is not yet there.

    Returns:
        ``datasets.Dataset`` by ``train`` and, where the set has one, ``valid``.
    """
    from datasets import get_dataset_split_names, load_dataset

    names = get_dataset_split_names(repo)
    if "train" not in names:
        raise DataError(f"data set {printable(repo)} has no split train, only {', '.join(names)}")
    valid = next((name for name in VALID_SPLITS if name in names), None)
    parts = {"train": load_dataset(repo, split="train")}
    if valid is not None:
        parts["valid"] = load_dataset(repo, split=valid)
    return parts


def parquet_files(repo: str, split: str) -> list[str]:
    """Paths or ``hf://`` addresses of a split's parquet files, in the data set's order; call inside `hub_errors`."""
    from datasets import load_dataset_builder

    files = [str(file) for file in (load_dataset_builder(repo).config.data_files or {}).get(split, [])]
    if not files or not all(file.endswith(".parquet") for file in files):
        raise DataError(
            f"data set {printable(repo)}: split {split} is not made of parquet files, and only those are streamed\n"
            "Set data.args.streaming=false"
        )
    return files


def picture_column(features: Any, repo: str) -> str:
    """The column that holds pictures: the first of the library's own picture type.

    Raises:
        DataError: There is none.
    """
    from datasets import Image

    for name, feature in features.items():
        if isinstance(feature, Image):
            return str(name)
    raise DataError(f"data set {printable(repo)} has no column of pictures, only {', '.join(features)}")


class HubSource:
    """Pictures of a ``datasets.Dataset``, by row.

    Args:
        label: Name of the set in the cache.
        dataset: The data set.
        repo: Where it came from, for people.
        rows: Rows to take, or None for all.
    """

    def __init__(self, label: str, dataset: Any, repo: str, rows: Sequence[int] | None = None) -> None:
        from datasets import Image

        self.label, self.repo = label, repo
        self.column = picture_column(dataset.features, repo)
        self.dataset = dataset.select_columns([self.column]).cast_column(self.column, Image(decode=False))
        self.rows: NDArray[np.int64] = np.arange(len(dataset)) if rows is None else np.asarray(rows, np.int64)

    def __len__(self) -> int:
        return len(self.rows)

    def name(self, index: int) -> str:
        """The row's number."""
        return f"{self.label}/{self.rows[index]:08d}"

    def is_raw(self, index: int) -> bool:
        """Never."""
        return False

    def read(self, index: int, limit: int) -> bytes:
        """The encoded picture in a row."""
        data = picture_bytes(self.dataset[int(self.rows[index])][self.column])
        if len(data) > limit:
            raise PictureError(f"{len(data):,} bytes, more than any picture of max_pixels pixels")
        return data

    def fingerprint(self) -> str:
        """By every row's length and some rows' content."""
        import pyarrow.compute as pc

        digest = hashlib.blake2b(digest_size=16)
        column = self.dataset.data.column(self.column)
        lengths = pc.binary_length(pc.struct_field(column, "bytes")).fill_null(-1).to_numpy()
        digest.update(np.ascontiguousarray(lengths, np.int64).tobytes())
        digest.update(self.rows.tobytes())
        for row in np.unique(np.linspace(0, len(lengths) - 1, min(_HASHED_ROWS, len(lengths))).astype(int)).tolist():
            cell = self.dataset[row][self.column]
            digest.update(((cell or {}).get("bytes") or b"") + os.fsencode((cell or {}).get("path") or ""))
        return digest.hexdigest()

    def where(self) -> list[str]:
        """The data set's name."""
        return [printable(self.repo)]


def picture_bytes(cell: Any) -> bytes:
    """The encoded picture in a cell: bytes, or a path where the data set keeps files.

    Raises:
        PictureError: The cell is empty.
    """
    if isinstance(cell, dict):
        data, path = cell.get("bytes"), cell.get("path")
    else:
        data, path = cell, None
    if data is None and path and os.path.isfile(path):
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise PictureError(f"cannot be read: {error.strerror}") from error
    if not isinstance(data, bytes):
        raise PictureError("the row holds no picture")
    return data


def parquet_column(file: str, repo: str) -> str:
    """The column of pictures of a parquet file, by its schema.

    Raises:
        DataError: There is none.
    """
    import fsspec
    import pyarrow as pa
    import pyarrow.parquet as pq

    with fsspec.open(file, "rb") as handle:
        schema = pq.ParquetFile(handle).schema_arrow
    for name, kind in zip(schema.names, schema.types, strict=True):
        inner = kind.field("bytes").type if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 else kind
        if pa.types.is_binary(inner) or pa.types.is_large_binary(inner):
            return str(name)
    raise DataError(f"data set {printable(repo)} has no column of pictures, only {', '.join(schema.names)}")
