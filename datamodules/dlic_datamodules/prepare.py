"""From nothing to a cached set: what ``dlic prepare`` does."""

from __future__ import annotations

import csv
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dlic_datamodules.download import Request, fetch, fetch_many, is_address, unpack
from dlic_datamodules.errors import DataError, StorageError, printable, unwritable
from dlic_datamodules.progress import progress_bar
from dlic_datamodules.raise_files import photograph_problem
from dlic_datamodules.raise_list import RaiseRow, read_csv
from dlic_datamodules.sizes import check_disk

if TYPE_CHECKING:
    from dlic_datamodules.base import PictureDataModule
    from dlic_datamodules.cache_parts import Part

__all__ = ["DIV2K_ARCHIVES", "DIV2K_SMALL", "DIV2K_URL", "Archive", "cache_now", "prepare_div2k", "prepare_raise"]

DIV2K_URL = "https://data.vision.ee.ethz.ch/cvl/DIV2K"
# A NEF of RAISE has 11 to 22 MB, a TIFF 30 to 50.
_RAISE_BYTES = {"nef": 20e6, "tiff": 45e6}
_RAISE_LIMIT = 1 << 28


@dataclass(frozen=True)
class Archive:
    """An official archive: its name, checksum, size in bytes, and the folder and number of pictures in it."""

    name: str
    md5: str
    bytes: int
    folder: str
    pictures: int

    def unpacked(self, root: Path) -> bool:
        """Whether all of its pictures are there."""
        folder = root / self.folder
        return folder.is_dir() and sum(1 for _ in folder.glob("*.png")) >= self.pictures


def _lr(split: str, scale: int, md5: str, size: int, pictures: int) -> Archive:
    folder = f"DIV2K_{split}_LR_bicubic/X{scale}"
    return Archive(f"DIV2K_{split}_LR_bicubic_X{scale}.zip", md5, size, folder, pictures)


DIV2K_ARCHIVES = (
    Archive("DIV2K_train_HR.zip", "bdc2d9338d4e574fe81bf7d158758658", 3530603713, "DIV2K_train_HR", 800),
    Archive("DIV2K_valid_HR.zip", "9fcdda83005c5e5997799b69f955ff88", 448993893, "DIV2K_valid_HR", 100),
)
DIV2K_SMALL = {
    2: (
        _lr("train", 2, "9a637d2ef4db0d0a81182be37fb00692", 925390592, 800),
        _lr("valid", 2, "1512c9a3f7bde2a1a21a73044e46b9cb", 117763600, 100),
    ),
    3: (
        _lr("train", 3, "ad80b9fe40c049a07a8a6c51bfab3b6d", 427847282, 800),
        _lr("valid", 3, "18b1d310f9f88c13618c287927b29898", 54513392, 100),
    ),
    4: (
        _lr("train", 4, "76c43ec4155851901ebbe8339846d93d", 246914039, 800),
        _lr("valid", 4, "21962de700c8d368c6ff83314480eff0", 31505881, 100),
    ),
}


def prepare_div2k(
    root: Path, *, url: str = DIV2K_URL, archives: Sequence[Archive] = DIV2K_ARCHIVES, keep: bool = False
) -> None:
    """Downloads and unpacks DIV2K's official archives; what is there already is not fetched again.

    Args:
        root: Where the folders go.
        url: Address the archives' names are appended to.
        archives: Which.
        keep: Leave the archives after unpacking.

    Raises:
        DataError: No network, no space, or a damaged archive; without a network the message says what to fetch by hand.
    """
    _make_folder(root)
    missing = [archive for archive in archives if not archive.unpacked(root)]
    needed = sum(2 * archive.bytes - _arrived(root / archive.name) for archive in missing)
    check_disk(root, needed, "DIV2K with its archives", "Take another --root")
    for number, archive in enumerate(missing):
        path = root / archive.name
        if path.is_file() and path.stat().st_size != archive.bytes:
            raise DataError(
                f"{path}: {path.stat().st_size} bytes, not {archive.bytes}\nRemove it and run the command again"
            )
        try:
            with progress_bar(archive.name, archive.bytes, unit_bytes=True) as bar:
                bar.advance(_arrived(path))
                fetch(f"{url}/{archive.name}", path, md5=archive.md5, size=archive.bytes, progress=bar)
        except StorageError:
            raise
        except DataError as error:
            raise DataError(f"{_by_hand(url, missing[number:], root)}\n({str(error).splitlines()[0]})") from error
        unpack(path, root)
        if not archive.unpacked(root):
            raise DataError(
                f"{path}: fewer than {archive.pictures} pictures in {archive.folder}\nIs it the official archive?"
            )
        if not keep:
            path.unlink()


def _arrived(path: Path) -> int:
    for place in (path, path.with_name(path.name + ".part")):
        if place.is_file():
            return place.stat().st_size
    return 0


def _by_hand(url: str, missing: Sequence[Archive], root: Path) -> str:
    files = ", ".join(f"{archive.name} (md5 {archive.md5})" for archive in missing)
    return (
        f"DIV2K cannot be downloaded from here. Fetch from {url}/:\n  {files}\n"
        f"put the archives into {printable(str(root.resolve()))} and run the command again"
    )


def prepare_raise(
    root: Path,
    listing: Path,
    *,
    form: Literal["nef", "tiff"] = "nef",
    connections: int = 4,
    limit: int | None = None,
    host: str | None = None,
) -> int:
    """Downloads the photographs of RAISE's list; files that are there are not fetched again, partial ones go on.

    The list states no sizes and no checksums: a photograph counts as whole if the server's length and the extent that
    its own header states are there.

    Args:
        root: Where they go.
        listing: RAISE's CSV list.
        form: Which of the two forms.
        connections: How many downloads at once.
        limit: Only the first so many rows.
        host: Replaces scheme and host of the links (some lists name a machine that is gone).

    Returns:
        How many photographs are there now.

    Raises:
        DataError: The list cannot be read, there is no space, downloads failed (the others are kept), or a photograph
            that was there before is damaged.
    """
    rows = read_csv(listing)[:limit]
    _make_folder(root)
    requests = [
        Request(
            _link(row, form, host, listing), root / _file_name(row, form), limit=_RAISE_LIMIT, check=photograph_problem
        )
        for row in rows
    ]
    damaged = [(request.path, problem) for request in requests if (problem := _damage(request.path))]
    if damaged:
        path, problem = damaged[0]
        more = f" (and {len(damaged) - 1} more)" if len(damaged) > 1 else ""
        raise DataError(f"{path}: {problem}{more}\nRemove such files and run the command again")
    missing = [request for request in requests if not request.path.is_file()]
    check_disk(
        root, len(missing) * _RAISE_BYTES[form], f"{len(missing)} photographs of RAISE", "Use --limit or another --root"
    )
    failed = fetch_many(missing, connections, f"RAISE, {form.upper()}")
    if failed:
        _list_failures(root / "failed.csv", failed)
        raise DataError(
            f"{len(failed)} of {len(missing)} photographs could not be downloaded (listed in {root / 'failed.csv'})\n"
            f"The first: {failed[0][1]}\nRun the command again to go on, if need be with --host http://loki.disi.unitn.it"
        )
    return len(requests)


def _make_folder(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(f"{printable(str(root))}: cannot be made", error, "Take another --root") from error


def _damage(path: Path) -> str | None:
    try:
        return photograph_problem(path) if path.is_file() else None
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"


def _file_name(row: RaiseRow, form: str) -> str:
    return f"{row.name}.{'NEF' if form == 'nef' else 'TIF'}"


def _link(row: RaiseRow, form: str, host: str | None, listing: Path) -> str:
    link = row.nef if form == "nef" else row.tiff
    if not is_address(link):
        raise DataError(f"{listing}: {row.name} has no link to a {form.upper()} file ({link[:60]!r})")
    if host is None:
        return link
    return host.rstrip("/") + urllib.parse.urlsplit(link).path


def _list_failures(path: Path, failed: Sequence[tuple[str, str]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["url", "reason"])
        writer.writerows(failed)


def cache_part_now(data: PictureDataModule, part: Part) -> dict[str, tuple[int, bool]]:
    """Caches some pictures of each split; returns how many that is, and whether all of the split are cached now."""
    parts = data.sources()
    return {name: data.cache_part(name, part) for name in parts}


def cache_now(data: PictureDataModule) -> dict[str, int]:
    """Caches all parts of a set; returns the number of pictures in each."""
    counts = {}
    for part in ("train", "valid", "test"):
        pictures = data.pictures(part)
        if pictures is not None and (part != "test" or pictures is not data.pictures("valid")):
            counts[part] = len(pictures)
    return counts
