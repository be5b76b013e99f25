"""Checkpoint files: written whole or not at all, and believed only where every byte is as it was written."""

from __future__ import annotations

import os
import shutil
import struct
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from dlic_datamodules.files import writing

_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError, OverflowError)


class DamagedError(Exception):
    """A file that is no checkpoint, or not the one that was written; the text says why."""


def write(checkpoint: dict[str, Any], path: Path) -> None:
    """Writes a checkpoint, whole or not at all.

    Args:
        checkpoint: Tensors and plain types.
        path: The file; its folder is made.

    Raises:
        DlicError: The disk is full or cannot be written; what stood there before still does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path) as part:
        try:
            with part.open("wb") as stream:
                torch.save(checkpoint, stream)
        except RuntimeError as error:
            # torch tells at which position it noticed, and hides why.
            raise (error.__context__ if isinstance(error.__context__, OSError) else error) from error


def give_second_name(path: Path, name: Path) -> None:
    """Gives a file a second name beside its own, in place of whatever has that name.

    A hard link where the file system has them; a copy where it has none, as exFAT and mounted cloud drives.
    """
    link = name.with_name(f".dlic-{os.getpid()}-link.part")
    try:
        os.link(path, link)
        link.replace(name)
    except OSError:
        with writing(name) as part:
            shutil.copyfile(path, part)
    finally:
        link.unlink(missing_ok=True)


def check_bytes(path: Path) -> None:
    """Compares every byte of a checkpoint with the checksums that it was written with.

    Args:
        path: The file: an archive whose members are stored as they are, as `torch.save` writes it.

    Raises:
        FileNotFoundError: There is none.
        DamagedError: It is no such archive, or its bytes have changed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise DamagedError("it is compressed")
            # Members that lie over each other would keep us reading for hours.
            if sum(member.file_size for member in members) > path.stat().st_size:
                raise DamagedError("its table of contents is wrong")
            bad = archive.testzip()
    except FileNotFoundError:
        raise
    except _BROKEN as error:
        raise DamagedError(_reason(error)) from error
    if bad is not None:
        raise DamagedError(f"the checksum of {bad.rpartition('/')[2][:40]!r} is wrong")


def read(path: Path) -> dict[str, Any]:
    """Reads a checkpoint without unpickling anything but tensors and plain types, and without looking at checksums.

    Args:
        path: The file.

    Returns:
        What was saved, tensors on the CPU.

    Raises:
        FileNotFoundError: There is none.
        DamagedError: It cannot be read so.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError:
        raise
    except Exception as error:
        # A malformed pickle ends by whatever its instructions do not find.
        raise DamagedError(_reason(error)) from error
    if not isinstance(checkpoint, dict):
        raise DamagedError("it holds no mapping")
    return checkpoint


def _reason(error: BaseException) -> str:
    return str(error).splitlines()[0][:160] if str(error) else type(error).__name__


class CheckpointFiles(TorchCheckpointIO):
    """What Lightning saves and loads by."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """See `write`."""
        write(checkpoint, Path(path))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """See `read`; whoever asks has checked the bytes."""
        return read(Path(path))
