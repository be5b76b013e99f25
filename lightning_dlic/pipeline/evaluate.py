"""Measuring what enlarges pictures, on whole test sets, under the stated protocol."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from dlic_datamodules.decode import DecodeOptions, decode
from dlic_datamodules.errors import PictureError
from dlic_datamodules.formats import MAX_PIXELS, PICTURE_SUFFIXES, RAW_SUFFIXES
from dlic_datamodules.picture_writer import write_picture
from dlic_datamodules.pictures import Picture
from dlic_datamodules.walk import find_files, target_names
from dlic_registry import DlicError
from lightning_dlic.metrics.functional import MS_SSIM_MIN_SIDE, ms_ssim
from lightning_dlic.metrics.perceptual import LPIPS
from lightning_dlic.metrics.protocol import score, summarize, y_plane
from lightning_dlic.pipeline.enlargers import Enlarger
from lightning_dlic.pipeline.shrink import Downsizer
from lightning_dlic.pipeline.upscale import to_pixels

# Beyond this LPIPS and MS-SSIM, which need the whole picture at once, would no longer fit into 2 GB.
LARGE = 1 << 23
_SUFFIXES = PICTURE_SUFFIXES - RAW_SUFFIXES


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


@dataclass
class Result:
    """Figures of one enlarger on one set.

    Attributes:
        target: The enlarger's name.
        data: The set's name.
        scale: Factor of enlargement.
        pictures: Figures of each picture by its name.
        seconds: Time that enlarging took, in all.
        pixels: Output pixels, in all.
    """

    target: str
    data: str
    scale: int
    pictures: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: float = 0.0
    pixels: int = 0

    @property
    def figures(self) -> dict[str, float]:
        """Means over the pictures."""
        return summarize(self.pictures.values())

    @property
    def seconds_per_megapixel(self) -> float:
        """Of output."""
        return self.seconds / self.pixels * 1e6


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
    found = find_files(folder, _SUFFIXES)
    for place, reason in found.problems.items():
        raise DlicError(f"--data: {place}: {reason}")
    files = tuple(found.files)
    if not files:
        raise DlicError(f"--data: {folder}: no pictures in this folder")
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return TestSet(name or folder.resolve().name, folder, trim, files, digest.hexdigest())


def original(path: Path, trim: int, multiple: int) -> Tensor:
    """Reads a picture.

    Args:
        path: The file.
        trim: Rows and columns dropped at the bottom and the right.
        multiple: What both sides are cut to multiples of.

    Returns:
        uint8 RGB ``[1, 3, H, W]``.

    Raises:
        DlicError: It cannot be read, or is too small.
    """
    try:
        planes = torch.from_numpy(decode(path.read_bytes(), DecodeOptions(max_pixels=MAX_PIXELS)))[None]
    except PictureError as error:
        raise DlicError(f"{path}: {error.reason}") from error
    except OSError as error:
        raise DlicError(f"{path}: cannot be read ({error.strerror or error})") from error
    height, width = (max(0, side - trim) // multiple * multiple for side in planes.shape[-2:])
    if min(height, width) <= 2 * multiple:
        raise DlicError(f"{path}: {planes.shape[-2]}x{planes.shape[-1]} is too small to be measured at x{multiple}")
    return planes[..., :height, :width]


def measure(output: Tensor, target: Tensor, scale: int, lpips: LPIPS | None) -> dict[str, float]:
    """All figures of one picture.

    Args:
        output: uint8 ``[1, 3, H, W]``.
        target: uint8 ``[1, 3, H, W]``.
        scale: Factor of enlargement.
        lpips: The network; None leaves LPIPS out.

    Returns:
        `protocol.score`'s figures, and ``ms_ssim`` and ``lpips`` for pictures neither too small nor too large for them.
    """
    figures = score(output, target, scale)
    pixels = target.shape[-2] * target.shape[-1]
    if min(target.shape[-2:]) >= MS_SSIM_MIN_SIDE and pixels <= LARGE:
        figures["ms_ssim"] = ms_ssim(y_plane(output), y_plane(target))
    if lpips is not None and min(target.shape[-2:]) >= 32 and pixels <= LARGE:
        figures["lpips"] = lpips(output / 255.0, target / 255.0).item()
    return figures


@torch.inference_mode()
def evaluate(
    enlargers: Iterable[Enlarger],
    sets: Iterable[TestSet],
    *,
    lpips: LPIPS | None = None,
    save: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Result]:
    """Measures enlargers on sets.

    Args:
        enlargers: What is measured; names must differ.
        sets: On what.
        lpips: The LPIPS network; None leaves LPIPS out.
        save: Folder for the pictures made, as ``<enlarger>/<set>/<picture>.png``.
        progress: Called with a line before each picture.

    Returns:
        One result a pair, sets in their order and enlargers in theirs.

    Raises:
        DlicError: A picture cannot be read, or is too small.
    """
    targets = list(enlargers)
    results: list[Result] = []
    for data in sets:
        rows = {enlarger.name: Result(enlarger.name, data.name, enlarger.scale) for enlarger in targets}
        for number, path in enumerate(data.files, 1):
            progress(f"{data.name} {number}/{len(data.files)} {path.name}")
            for enlarger, original, small in _inputs(targets, path, data.trim):
                begun = time.perf_counter()
                output = enlarger(small)
                row = rows[enlarger.name]
                row.seconds += time.perf_counter() - begun
                row.pixels += output.shape[-2] * output.shape[-1]
                row.pictures[data.stem(path)] = measure(output, original, enlarger.scale, lpips)
                if save is not None:
                    _save(save / enlarger.name / data.name / f"{data.stem(path)}.png", output)
        results += rows.values()
    return results


def _inputs(enlargers: list[Enlarger], path: Path, trim: int) -> Iterator[tuple[Enlarger, Tensor, Tensor]]:
    """Each enlarger with the original and the small picture at its scale, each made once."""
    for scale in sorted({enlarger.scale for enlarger in enlargers}):
        picture = original(path, trim, scale)
        made: dict[Downsizer, Tensor] = {}
        for enlarger in enlargers:
            if enlarger.scale == scale:
                if enlarger.downsize not in made:
                    made[enlarger.downsize] = enlarger.downsize(picture)
                yield enlarger, picture, made[enlarger.downsize]


def _save(path: Path, output: Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(path, Picture(to_pixels(output)))
