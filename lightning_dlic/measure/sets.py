"""Test sets: folders of original pictures, known by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from dlic_datamodules.decode import DecodeOptions, decode
from dlic_datamodules.errors import PictureError
from dlic_datamodules.formats import MAX_PIXELS, PICTURE_SUFFIXES, RAW_SUFFIXES
from dlic_datamodules.walk import find_files, target_names
from dlic_registry import DlicError

_SUFFIXES = PICTURE_SUFFIXES - RAW_SUFFIXES


class UnmeasurableError(DlicError):
    """A picture that cannot be read, or is too small.

    Attributes:
        reason: What is the matter, without the file's name.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason


@dataclass(frozen=True)
class TestSet:
    """A folder of original pictures.

    Attributes:
        name: What it is called in tables.
        folder: Where the pictures are, subfolders included.
        trim: Rows and columns dropped at the bottom and the right before anything else.
        files: The pictures, sorted.
        sha256: Of their names and contents.
    """

    __test__ = False  # not a test case, whatever pytest makes of the name

    name: str
    folder: Path
    trim: int
    files: tuple[Path, ...]
    sha256: str

    def stem(self, path: Path) -> str:
        """What a picture is called: its path inside the folder, without suffix unless that tells it from another."""
        return self._stems[path]

    @cached_property
    def _stems(self) -> dict[Path, str]:
        names = [PurePosixPath(path.relative_to(self.folder).as_posix()) for path in self.files]
        made = target_names(names, lambda _: ".png")
        return {path: str(name.with_suffix("")) for path, name in zip(self.files, made, strict=True)}


def open_set(folder: Path, trim: int = 0, name: str | None = None) -> TestSet:
    """Lists a folder's pictures.

    Args:
        folder: The folder.
        trim: Rows and columns to drop at the bottom and the right: 1 makes the BSD100 of the papers from BSDS files.
        name: What to call it; the folder's name by default.

    Raises:
        DlicError: There is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise DlicError(f"--data: {folder}: no such folder")
    files = tuple(find_files(folder, _SUFFIXES).files)
    if not files:
        raise DlicError(f"--data: {folder}: no pictures in this folder")
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode(errors="surrogateescape"))
        digest.update(_content(path))
    return TestSet(name or folder.resolve().name, folder, trim, files, digest.hexdigest())


def _content(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        # It is named when its turn comes; until then the others are worth measuring.
        return f"unreadable {error.errno}".encode()


def each_picture(
    data: TestSet,
    multiples: Sequence[int],
    progress: Callable[[str], None] = lambda _: None,
    failed: dict[str, str] | None = None,
) -> Iterator[tuple[Path, dict[int, Tensor]]]:
    """Reads a set's pictures, one after another.

    Args:
        data: The set.
        multiples: What both sides are cut to multiples of; the picture comes once for each.
        progress: Called with a line before each picture.
        failed: Takes those that cannot be measured, with the reason, by their path; None makes the first an error.

    Yields:
        A picture's path, and uint8 RGB ``[1, 3, H, W]`` by the multiple.

    Raises:
        UnmeasurableError: A picture cannot be measured, or none of them can.
    """
    failures: list[UnmeasurableError] = []
    for number, path in enumerate(data.files, 1):
        progress(f"{data.name} {number}/{len(data.files)} {path.name}")
        try:
            whole = _read(path)
            cut = {multiple: _cut(whole, path, data.trim, multiple) for multiple in multiples}
        except UnmeasurableError as error:
            if failed is None:
                raise
            failed[str(path)] = error.reason
            failures.append(error)
            continue
        yield path, cut
    if failures and len(failures) == len(data.files):
        raise failures[0]


def original(path: Path, trim: int, multiple: int) -> Tensor:
    """Reads a picture.

    Args:
        path: The file.
        trim: Rows and columns dropped at the bottom and the right.
        multiple: What both sides are cut to multiples of.

    Returns:
        uint8 RGB ``[1, 3, H, W]``.

    Raises:
        UnmeasurableError: It cannot be read, or is too small.
    """
    return _cut(_read(path), path, trim, multiple)


def _read(path: Path) -> Tensor:
    try:
        return torch.from_numpy(decode(path.read_bytes(), DecodeOptions(max_pixels=MAX_PIXELS)))[None]
    except PictureError as error:
        raise UnmeasurableError(path, error.reason) from error
    except OSError as error:
        raise UnmeasurableError(path, f"cannot be read ({error.strerror or error})") from error


def _cut(planes: Tensor, path: Path, trim: int, multiple: int) -> Tensor:
    height, width = (max(0, side - trim) // multiple * multiple for side in planes.shape[-2:])
    if min(height, width) <= 2 * multiple:
        small = f"{planes.shape[-2]}x{planes.shape[-1]} is too small to be measured at x{multiple}"
        raise UnmeasurableError(path, small)
    return planes[..., :height, :width]
