"""Enlarging picture files: one, or a folder of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np
import torch
from torch import Tensor

from dlic_datamodules.folder_work import Plan, plan
from dlic_datamodules.formats import PICTURE_SUFFIXES
from dlic_datamodules.picture_writer import WRITABLE, picture_form, write_picture
from dlic_datamodules.pictures import Picture, read_picture_file
from dlic_datamodules.profiles import Samples
from dlic_registry import DlicError
from lightning_dlic.operators.enlarger import Enlarger, KernelEnlarger, Progress


def to_tensor(pixels: Samples) -> Tensor:
    """``[H, W, C]`` to ``[1, C, H, W]``."""
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None]


def to_pixels(picture: Tensor) -> Samples:
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
        What a user should know: what was left out of the source, what the target's format could not keep.

    Raises:
        DlicError: The picture cannot be read or written.
    """
    picture = read_picture_file(source)
    lost = write_picture(target, upscale(picture, enlarger, progress))
    notes = [f"{source}: {note}" for note in picture.notes]
    return [*notes, f"{target}: this format does not keep {' and '.join(lost)}"] if lost else notes


def plan_upscale(source: Path, target: Path, suffix: str | None = None) -> Plan:
    """Pairs pictures with the files they become.

    Args:
        source: A picture, or a folder that is searched with its subfolders.
        target: A file for a picture; a folder for a folder, and allowed for a picture.
        suffix: Format of all results; None keeps each picture's own where it can be written, else ``.png``.

    Raises:
        DlicError: There is nothing to do, a folder should become a file, or a file would be written over its own
            source.
    """
    if suffix is not None:
        picture_form(f"--format{suffix}")
    if source.is_dir():
        made = plan(source, target, PICTURE_SUFFIXES, lambda name: suffix or _own(name))
    elif source.exists():
        into = target.is_dir() or not (target.suffix or target.exists())
        file = target / f"{source.stem}{suffix or _own(source)}" if into else target
        made = Plan([(source, file)])
    else:
        raise DlicError(f"{source}: no such file or folder")
    for one, file in made.pairs:
        if file.exists() and file.is_file() and file.samefile(one):
            raise DlicError(f"{one} would be overwritten by its own enlargement; name another place")
    return made


def _own(name: PurePath) -> str:
    return name.suffix if name.suffix.lower() in WRITABLE else ".png"
