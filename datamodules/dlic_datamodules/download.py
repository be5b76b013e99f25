"""Files from the network: resumed, checked, with a bounded number of connections."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import socket
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from filelock import FileLock

from dlic_datamodules.errors import DataError, printable
from dlic_datamodules.progress import Progress, progress_bar
from dlic_datamodules.sizes import check_disk

__all__ = ["fetch", "fetch_many", "unpack"]

_CHUNK = 1 << 20
_ATTEMPTS = 4
_TIMEOUT = 30.0
_BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, socket.timeout)


class _Unfinished(Exception):
    """The connection ended before the file did."""


def fetch(
    url: str,
    path: Path,
    *,
    md5: str | None = None,
    progress: Progress | None = None,
    attempts: int = _ATTEMPTS,
    timeout: float = _TIMEOUT,
) -> None:
    """Downloads a file, going on where an earlier attempt stopped.

    What has arrived lies in ``<path>.part`` until all of it is there and its checksum is right; then it is renamed.
    An existing file is left alone.

    Args:
        url: Its address.
        path: Where it goes.
        md5: Hexadecimal checksum it must have.
        progress: Told of the bytes as they arrive.
        attempts: How often in a row the connection may break without a byte gained.
        timeout: Seconds without an answer.

    Raises:
        DataError: The server refuses, the connection keeps breaking, or the checksum is wrong.
    """
    part = path.with_name(path.name + ".part")
    with FileLock(path.with_name(path.name + ".lock")):
        if path.is_file():
            if md5 is not None and _md5(path) != md5:
                raise DataError(f"{path}: its md5 is not {md5}\nRemove it and run the command again")
            return
        failures = 0
        while True:
            before = part.stat().st_size if part.is_file() else 0
            try:
                _continue(url, part, before, timeout, progress)
                break
            except urllib.error.HTTPError as error:
                if error.code == 416 and before:
                    part.unlink()
                    continue
                raise DataError(f"{url}: the server answers {error.code} {error.reason}") from error
            except (*_BROKEN, _Unfinished) as error:
                failures = 0 if part.is_file() and part.stat().st_size > before else failures + 1
                if failures >= attempts:
                    raise DataError(
                        f"{url}: cannot be downloaded ({_reason(error)}); what has arrived is kept"
                    ) from error
                time.sleep(min(8.0, 0.25 * 2**failures))
        _verify(part, md5, url)
        part.replace(path)
    path.with_name(path.name + ".lock").unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", "") or error or type(error).__name__)


def _continue(url: str, part: Path, have: int, timeout: float, progress: Progress | None) -> None:
    """One connection: appends what is missing, or starts again where the server cannot resume."""
    request = urllib.request.Request(url, headers={"User-Agent": "lightning-dlic"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        resumed = answer.status == 206
        announced = answer.headers.get("Content-Length")
        total = None if announced is None else int(announced) + (have if resumed else 0)
        with open(part, "ab" if resumed else "wb") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                if progress is not None:
                    progress.advance(len(chunk))
    if total is not None and part.stat().st_size < total:
        raise _Unfinished(f"{part.stat().st_size} of {total} bytes arrived")


def _md5(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _verify(part: Path, md5: str | None, url: str) -> None:
    if md5 is None:
        return
    found = _md5(part)
    if found != md5:
        part.unlink()
        raise DataError(
            f"{url}: what arrived has md5 {found}, not {md5}, and was removed\nTry again, or fetch it by another way"
        )


def fetch_many(files: Sequence[tuple[str, Path]], connections: int, title: str) -> list[tuple[str, str]]:
    """Downloads files over at most so many connections at once.

    Args:
        files: Address and path of each.
        connections: How many at once.
        title: What the progress bar says.

    Returns:
        Address and reason of each that failed; the others are there.
    """

    def one(file: tuple[str, Path]) -> tuple[str, str] | None:
        try:
            fetch(*file)
        except DataError as error:
            return file[0], str(error).splitlines()[0]
        finally:
            bar.advance()
        return None

    with progress_bar(title, len(files)) as bar, ThreadPoolExecutor(max(1, connections)) as pool:
        return [failure for failure in pool.map(one, files) if failure is not None]


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks a ZIP archive beside what is there, file by whole file.

    Raises:
        DataError: The archive is damaged, or a name in it leads out of the folder, or the disk is too small.
    """
    workplace = folder / f".{archive.name}.unpacking"
    shutil.rmtree(workplace, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [member for member in packed.infolist() if not member.is_dir()]
            for member in members:
                name = PurePosixPath(member.filename)
                if name.is_absolute() or ".." in name.parts or "\\" in member.filename:
                    raise DataError(
                        f"{archive}: the name {printable(member.filename)!r} leads out of the folder; not unpacked"
                    )
            check_disk(
                folder,
                sum(m.file_size for m in members),
                f"unpacking {archive.name}",
                "Make room, or take another --root",
            )
            with progress_bar(f"unpacking {archive.name}", len(members)) as bar:
                for member in members:
                    packed.extract(member, workplace)
                    bar.advance()
        for member in members:
            target = folder / member.filename
            target.parent.mkdir(parents=True, exist_ok=True)
            (workplace / member.filename).replace(target)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{archive}: damaged archive ({error})\nRemove it and run the command again") from error
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
