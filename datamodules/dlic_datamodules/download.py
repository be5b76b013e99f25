"""Files from the network: resumed, checked, bounded in size, time and number of connections; archives unpacked."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlic_datamodules.archive import unpack
from dlic_datamodules.errors import DataError, printable, unwritable
from dlic_datamodules.locks import locked
from dlic_datamodules.progress import Progress, progress_bar
from dlic_datamodules.sizes import check_disk, readable_size

__all__ = ["Check", "Request", "fetch", "fetch_many", "is_address", "unpack"]

Check = Callable[[Path], str | None]
"""Looks at a file that has arrived: what is wrong with it, or None."""

_CHUNK = 1 << 20
# A file of no stated size that is larger than this is none that anybody meant to fetch.
_LIMIT = 1 << 32
# Fewer bytes than this while the timeout passes are no download.
_LEAST = 1024
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError)
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _Unfinished(Exception):
    """The connection ended, or stands still, before the file was whole."""


class _Changed(Exception):
    """The server's file is not the one of which a part is here."""


@dataclass(frozen=True)
class Request:
    """A file to be fetched.

    Attributes:
        url: Its address, http or https.
        path: Where it goes.
        md5: Hexadecimal checksum it must have.
        size: Bytes it must have.
        limit: Bytes it must not exceed where its size is not known.
        check: Looks at what has arrived.
        attempts: How often in a row the connection may break without a byte gained.
        timeout: Seconds without an answer.
    """

    url: str
    path: Path
    md5: str | None = None
    size: int | None = None
    limit: int = _LIMIT
    check: Check | None = None
    attempts: int = 4
    timeout: float = 30.0

    def problem(self, path: Path) -> str | None:
        """What is wrong with a file that should be this one, or None."""
        if self.size is not None and path.stat().st_size != self.size:
            return f"has {path.stat().st_size} bytes, not {self.size}"
        if self.md5 is not None and (found := _md5(path)) != self.md5:
            return f"has md5 {found}, not {self.md5}"
        return None if self.check is None else self.check(path)


def _md5(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def is_address(url: str) -> bool:
    """Whether this is an address that files are fetched from: http or https."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def fetch(
    url: str,
    path: Path,
    *,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    **asked: Any,
) -> None:
    """Downloads a file, going on where an earlier attempt stopped.

    What has arrived lies in ``<path>.part`` (beside it what the server said of it) until all of it is there and
    passes its checks; then it is renamed. It is gone on with only where the server says that its file is still the
    same, or a checksum will tell. An existing file is left alone.

    Args:
        url: Its address, http or https.
        path: Where it goes.
        progress: Told of the bytes as they arrive.
        stop: Set where nobody waits for the file any more.
        asked: How it is checked, and when it is given up: see `Request`.

    Raises:
        DataError: The server refuses, the connection keeps breaking, what arrives is too large or fails a check, or
            there is no room.
    """
    request = Request(url, path, **asked)
    if not is_address(request.url):
        raise DataError(f"{printable(request.url)}: is no address that begins with http:// or https://")
    lock = path.with_name(path.name + ".lock")
    try:
        with locked(lock, f"downloading {path.name}"):
            if path.is_file():
                if (problem := request.problem(path)) is not None:
                    raise DataError(f"{path}: {problem}\nRemove it and run the command again")
                return
            _Download(request, progress, stop or threading.Event()).run()
        lock.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(f"{path}: cannot be written", error, "Make room, or take another folder") from error


class _Download:
    """One file on its way."""

    def __init__(self, request: Request, progress: Progress | None, stop: threading.Event) -> None:
        self.request, self.progress, self.stop = request, progress, stop
        self.url = printable(request.url)
        self.part = request.path.with_name(request.path.name + ".part")
        self.note = self.part.with_name(self.part.name + ".json")
        self.best = self.failures = 0

    def run(self) -> None:
        """Connects until all of the file is here, or it is no use."""
        inherited = self._arrived() > 0
        while True:
            self._collect()
            problem = self.request.problem(self.part)
            if problem is None:
                break
            self._discard()
            if not inherited:
                raise DataError(
                    f"{self.url}: what arrived {problem}, and was removed\nTry again, or fetch it by another way"
                )
            # The part may have been of another file; from its beginning, once.
            inherited, self.best = False, 0
        self.part.replace(self.request.path)
        self.note.unlink(missing_ok=True)

    def _collect(self) -> None:
        self.failures = 0
        while True:
            self.best = max(self.best, self._arrived())
            try:
                self._connect()
            except urllib.error.HTTPError as error:
                self._refused(error)
            except _Changed:
                self._discard()
                self._failed("the server's file changes while it is fetched")
            except http.client.InvalidURL as error:
                raise DataError(f"{self.url}: is no address of a file ({printable(str(error))})") from error
            except (*_BROKEN, _Unfinished) as error:
                if self._arrived() - self.best > (_CHUNK if isinstance(error, TimeoutError) else 0):
                    self.failures = -1
                self._failed(str(getattr(error, "reason", "") or error or type(error).__name__))
            except ValueError as error:
                raise DataError(f"{self.url}: is no address of a file ({printable(str(error))})") from error
            else:
                return

    def _refused(self, error: urllib.error.HTTPError) -> None:
        answer = f"the server answers {error.code} {printable(str(error.reason))}"
        if error.code == 416 and self._arrived():
            self._discard()
        elif error.code not in _AGAIN:
            raise DataError(f"{self.url}: {answer}") from error
        self._failed(answer)

    def _failed(self, reason: str) -> None:
        self.failures += 1
        if self.failures >= self.request.attempts:
            kept = "; what has arrived is kept" if self._arrived() else ""
            raise DataError(f"{self.url}: cannot be downloaded ({printable(reason)}){kept}")
        if self.stop.wait(min(8.0, 0.25 * 2**self.failures)):
            raise DataError(f"{self.url}: given up")

    def _arrived(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def _discard(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _noted(self) -> dict[str, Any]:
        """What the server said when the part was begun."""
        try:
            noted = json.loads(self.note.read_text("utf-8"))
            return noted if isinstance(noted, dict) and noted.get("url") == self.request.url else {}
        except (OSError, ValueError):
            return {}

    def _connect(self) -> None:
        """One connection: appends what is missing, or starts again where that cannot be told or done."""
        noted, have = self._noted(), self._arrived()
        total, validator = noted.get("total"), noted.get("validator")
        if have and have == (self.request.size or total):
            return
        if have and not isinstance(validator, str) and self.request.md5 is None:
            have = 0
        headers = {"User-Agent": "lightning-dlic", "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if isinstance(validator, str):
                headers["If-Range"] = validator
        asked = urllib.request.Request(self.request.url, headers=headers)
        with urllib.request.urlopen(asked, timeout=self.request.timeout) as answer:
            if answer.status == 206:
                total = self._check_range(answer, have, total, validator)
            elif answer.status == 200:
                have, total = 0, answer.length
                self._begin(answer, total)
            else:
                raise DataError(f"{self.url}: the server answers {answer.status}, without a file")
            self._check_size(answer, total, have)
            self._receive(answer, have, self.request.size or total or self.request.limit)
        wanted = self.request.size or total
        if wanted is not None and self._arrived() < wanted:
            raise _Unfinished(f"{self._arrived()} of {wanted} bytes arrived")

    def _begin(self, answer: Any, total: int | None) -> None:
        self.part.write_bytes(b"")
        noted = {"url": self.request.url, "total": total, "validator": _validator(answer)}
        self.note.write_text(json.dumps(noted), "utf-8")

    def _check_range(self, answer: Any, have: int, total: object, validator: object) -> int | None:
        """The whole file's size, if the answer goes on with the part that is here."""
        stated = answer.headers.get("Content-Range")
        if stated is None and have and answer.length is not None and self.request.md5 is not None:
            return have + int(answer.length)
        match = _RANGE.fullmatch(stated or "")
        if match is None or int(match[1]) != have or not have:
            raise _Changed
        found = None if match[2] == "*" else int(match[2])
        tag = answer.headers.get("ETag")
        other_tag = tag is not None and isinstance(validator, str) and validator.startswith('"') and tag != validator
        if other_tag or (found is not None and isinstance(total, int) and found != total):
            raise _Changed
        if found is None:
            return None if answer.length is None else have + int(answer.length)
        return found

    def _check_size(self, answer: Any, total: int | None, have: int) -> None:
        request = self.request
        if total is None and not answer.chunked and request.size is None and request.md5 is None:
            raise DataError(
                f"{self.url}: the server does not say how long the file is, so that nothing would show whether all of "
                "it arrived\nFetch it by another way"
            )
        if total is not None and request.size is not None and total != request.size:
            raise DataError(f"{self.url}: the server's file has {total} bytes, not {request.size}")
        if total is not None and total > max(request.limit, request.size or 0):
            raise DataError(f"{self.url}: {readable_size(total)}, more than such a file has; not fetched")
        needed, remedy = (total or have) - have, "Make room, or take another folder"
        check_disk(self.part.parent, needed, self.request.path.name, remedy)

    def _receive(self, answer: Any, have: int, most: int) -> None:
        since, lately = time.monotonic(), 0
        with open(self.part, "ab") as file:
            while chunk := answer.read1(_CHUNK):
                have, lately = have + len(chunk), lately + len(chunk)
                if have > most:
                    file.close()
                    self._discard()
                    raise DataError(f"{self.url}: sends more than {most:,} bytes; what arrived was removed")
                file.write(chunk)
                if self.progress is not None:
                    self.progress.advance(len(chunk))
                if self.stop.is_set():
                    raise DataError(f"{self.url}: given up")
                if time.monotonic() - since > self.request.timeout:
                    if lately < _LEAST:
                        raise TimeoutError(f"{lately} bytes in {self.request.timeout:g} seconds")
                    since, lately = time.monotonic(), 0


def _validator(answer: Any) -> str | None:
    """What tells this version of the file from others; a weak tag does not."""
    tag = answer.headers.get("ETag")
    if tag and not tag.startswith("W/"):
        return str(tag)
    changed = answer.headers.get("Last-Modified")
    return None if changed is None else str(changed)


def fetch_many(requests: Sequence[Request], connections: int, title: str) -> list[tuple[str, str]]:
    """Downloads files over at most so many connections at once.

    Args:
        requests: The files.
        connections: How many at once.
        title: What the progress bar says.

    Returns:
        Address and reason of each that failed; the others are there.
    """
    stop = threading.Event()

    def one(request: Request) -> tuple[str, str] | None:
        try:
            fetch(stop=stop, **vars(request))
        except DataError as error:
            return request.url, str(error).splitlines()[0]
        finally:
            bar.advance()
        return None

    with progress_bar(title, len(requests)) as bar, ThreadPoolExecutor(max(1, connections)) as pool:
        jobs = [pool.submit(one, request) for request in requests]
        try:
            return [failure for job in jobs if (failure := job.result()) is not None]
        except BaseException:
            # Ctrl-C, for one: whoever waits for the pool must not wait for the downloads.
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
