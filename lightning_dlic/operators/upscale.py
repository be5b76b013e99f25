"""Enlarging picture files: one, or a folder of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dlic_datamodules.decode import PICTURE_SUFFIXES, RAW_SUFFIXES
from dlic_registry import DlicError
from lightning_dlic.imaging.pictures import WRITABLE, Picture, Pixels, read_picture, write_picture
from lightning_dlic.operators.enlarger import Enlarger, KernelEnlarger, Progress

_READABLE = PICTURE_SUFFIXES - RAW_SUFFIXES


def to_tensor(pixels: Pixels) -> Tensor:
    """``[H, W, C]`` to ``[1, C, H, W]``."""
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None]


def to_pixels(picture: Tensor) -> Pixels:
    """``[1, C, H, W]`` to contiguous ``[H, W, C]``."""
    return np.ascontiguousarray(picture[0].permute(1, 2, 0).numpy())


def upscale(picture: Picture, enlarger: Enlarger, progress: Progress | None = None) -> Picture:
    """Enlarges a picture with all that it carries.

    Args:
        picture: 8 or 16 bits, grey or RGB; its transparency is enlarged by bicubic.
        enlarger: What enlarges its colours.
        progress: Called with the share done.

    Returns:
        A picture of the same depth with the same profile.
    """
    alpha = picture.alpha
    if alpha is not None:
        alpha = to_pixels(KernelEnlarger("bicubic", enlarger.scale)(to_tensor(alpha[..., None])))[..., 0]
    pixels = to_pixels(enlarger(to_tensor(picture.pixels), progress))
    return replace(picture, pixels=pixels, alpha=alpha)


def upscale_file(source: Path, target: Path, enlarger: Enlarger, progress: Progress | None = None) -> list[str]:
    """Enlarges a picture file.

    Args:
        source: The picture.
        target: Where the result goes, whole or not at all.
        enlarger: What enlarges it.
        progress: Called with the share done.

    Returns:
        What the target's format could not keep, in words.

    Raises:
        DlicError: The picture cannot be read or written.
    """
    return write_picture(target, upscale(read_picture(source), enlarger, progress))


@dataclass(frozen=True)
class Job:
    """One picture to enlarge."""

    source: Path
    target: Path


def plan(source: Path, target: Path, suffix: str | None = None) -> list[Job]:
    """Pairs pictures with the files they become.

    Args:
        source: A picture, or a folder that is searched with its subfolders.
        target: A file for a picture; a folder for a folder, and allowed for a picture.
        suffix: Format of all results; None keeps each picture's own where it can be written, else ``.png``.

    Returns:
        The jobs, in the order of the pictures' paths.

    Raises:
        DlicError: There is nothing to do, a folder should become a file, or a file would be written twice or over
            its own source.
    """
    if source.is_dir():
        jobs = _plan_folder(source, target, suffix)
    elif source.is_file():
        into = target.is_dir() or not target.suffix
        jobs = [Job(source, target / _renamed(source, suffix).name if into else target)]
    else:
        raise DlicError(f"{source}: no such file or folder")
    seen: dict[Path, Path] = {}
    for job in jobs:
        if job.target in seen:
            raise DlicError(f"{job.source} and {seen[job.target]} would both become {job.target}; rename one")
        if job.target.resolve() == job.source.resolve():
            raise DlicError(f"{job.source} would be overwritten by its own enlargement; name another place")
        seen[job.target] = job.source
    return jobs


def _plan_folder(source: Path, target: Path, suffix: str | None) -> list[Job]:
    if target.is_file():
        raise DlicError(f"{target}: is a file, but {source} is a folder; name a folder for the results")
    found = sorted(p for p in source.rglob("*") if p.suffix.lower() in _READABLE and p.is_file())
    # Results that lie inside the folder of pictures must not be enlarged again.
    nested = target.resolve() != source.resolve()
    inputs = [p for p in found if not (nested and p.resolve().is_relative_to(target.resolve()))]
    if not inputs:
        raise DlicError(f"{source}: no pictures in this folder")
    return [Job(p, target / _renamed(p, suffix).relative_to(source)) for p in inputs]


def _renamed(path: Path, suffix: str | None) -> Path:
    if suffix is not None:
        return path.with_suffix(suffix)
    return path if path.suffix.lower() in WRITABLE else path.with_suffix(".png")
