"""ZIP archives from the network, unpacked with nothing taken on trust."""

from __future__ import annotations

import errno
import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from dlic_datamodules.errors import DataError, printable, unwritable
from dlic_datamodules.progress import progress_bar
from dlic_datamodules.sizes import check_disk, readable_size

__all__ = ["unpack"]

# Pictures hardly become smaller in an archive; what does by this much is none.
_MOST = 20
_FEW = 1 << 24
_COPY = 1 << 20
# All else that the system refuses comes of what the archive asks for.
_OF_THE_DISK = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOENT,
}


class _Odd(Exception):
    """Something in an archive that no archive of pictures has."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks a ZIP archive beside what is there, file by whole file.

    Raises:
        DataError: The archive is damaged or encrypted, a name in it leads out of the folder, it holds links or grows
            beyond measure, or the disk is too small.
    """
    workplace = folder / f".{archive.name}.unpacking"
    shutil.rmtree(workplace, ignore_errors=True)
    try:
        members = _unpack_into(workplace, archive, folder)
        for member in members:
            target = folder / member
            target.parent.mkdir(parents=True, exist_ok=True)
            (workplace / member).replace(target)
    except OSError as error:
        raise unwritable(
            f"{archive} cannot be unpacked into {folder}", error, "Make room, or take another --root"
        ) from error
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _unpack_into(workplace: Path, archive: Path, folder: Path) -> list[PurePosixPath]:
    try:
        with zipfile.ZipFile(archive) as packed:
            members = {_checked(member): member for member in packed.infolist() if not member.is_dir()}
            needed = _size(list(members.values()), archive)
            check_disk(folder, needed, f"unpacking {archive.name}", "Make room, or take another --root")
            with progress_bar(f"unpacking {archive.name}", len(members)) as bar:
                for name, member in members.items():
                    _extract(packed, member, workplace / name)
                    bar.advance()
    except DataError:
        raise
    except _Odd as error:
        raise DataError(f"{archive}: {error}; not unpacked") from None
    except Exception as error:  # zipfile raises anything at all on damaged archives: zlib's errors, struct's, ...
        if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
            raise
        text = printable(" ".join(str(error).split()))[:200] or type(error).__name__
        raise DataError(f"{archive}: damaged archive ({text})\nRemove it and run the command again") from error
    return list(members)


def _checked(member: zipfile.ZipInfo) -> PurePosixPath:
    """A member's name, if it may become a file here."""
    shown, name = repr(printable(member.filename)), PurePosixPath(member.filename)
    windows = PureWindowsPath(member.filename)
    if not name.parts or name.is_absolute() or ".." in name.parts or "\\" in member.filename or windows.drive:
        raise _Odd(f"the name {shown} leads out of the folder")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise _Odd(f"{shown} is a link or a device, not a file")
    if member.flag_bits & 1:
        raise _Odd(f"{shown} is encrypted")
    return name


def _size(members: list[zipfile.ZipInfo], archive: Path) -> int:
    total = sum(member.file_size for member in members)
    if total > _FEW + _MOST * archive.stat().st_size:
        raise _Odd(
            f"{readable_size(archive.stat().st_size)} that become {readable_size(total)}: no archive of pictures does"
        )
    return total


def _extract(packed: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with packed.open(member) as source, open(target, "xb") as file:
        # No more than the directory says, whatever the compressed data would give.
        left = member.file_size
        while left and (data := source.read(min(_COPY, left))):
            file.write(data)
            left -= len(data)
        if left or source.read(1):
            raise zipfile.BadZipFile(f"{printable(member.filename)} is of another length than stated")
