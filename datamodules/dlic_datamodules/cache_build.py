"""Building a cache: in parallel, in order, all or nothing."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from dlic_datamodules.cache import lock_path
from dlic_datamodules.cached import (
    FORMAT,
    INDEX,
    META,
    NAMES,
    PARTIAL,
    PIXELS,
    CachedPictures,
    DamagedCache,
    OtherVersion,
    cache_root,
    check_pixels,
    folder_name,
    seal,
    set_digest,
)
from dlic_datamodules.decode import DecodeOptions
from dlic_datamodules.decoder_process import Decoder
from dlic_datamodules.errors import DataError, PictureError, printable, unwritable
from dlic_datamodules.locks import locked
from dlic_datamodules.policy import check_failures
from dlic_datamodules.progress import Progress, progress_bar
from dlic_datamodules.sizes import check_disk, readable_size
from dlic_datamodules.source import Source
from dlic_datamodules.work_processes import cores

__all__ = ["join_caches", "open_cache", "present"]

_log = logging.getLogger("dlic.data")
# Decoded pictures that may wait for an earlier one to be written.
_PENDING_BYTES = 1 << 28
_PROBED = 64
_WORTH_A_PROCESS = 8


def open_cache(
    source: Source,
    options: DecodeOptions,
    *,
    root: str | Path | None = None,
    on_error: str = "raise",
    max_failed: float = 0.05,
    workers: int | None = None,
) -> CachedPictures:
    """Opens the set's cache, building it first where there is none, or none that is whole.

    Two processes that ask at once build it once: the second waits for the first. A build that is killed leaves a
    partial folder that the next one replaces; the result is the same to the byte.

    Args:
        source: The pictures.
        options: How to decode them.
        root: The cache root (`cache_root`).
        on_error: ``raise`` stops at the first picture that cannot be used, ``skip`` leaves such out.
        max_failed: Largest share of pictures that may be left out.
        workers: Decoding processes; by default one a core.

    Raises:
        DataError: By the policy above, or the cache can be neither read nor written.
    """
    base, digest = cache_root(root), set_digest(source, options)
    folder = base / folder_name(source, digest)
    try:
        pictures = present(folder, digest)
        if pictures is None:
            base.mkdir(parents=True, exist_ok=True)
            with locked(lock_path(base, folder.name), f"building the cache {folder.name}") as alone:
                pictures = present(folder, digest, tell=True)
                if pictures is None:
                    build = _Build(source, options, folder, on_error, max_failed, workers or cores())
                    build.run(digest, alone)
                    pictures = CachedPictures(folder)
    except OSError as error:
        remedy = "Point DLIC_CACHE at a folder with space, or set data.args.cache=false"
        raise unwritable(f"cannot write the cache {folder}", error, remedy) from error
    check_failures(pictures.failures, len(source), on_error, max_failed)
    return pictures


def present(folder: Path, digest: str, *, tell: bool = False) -> CachedPictures | None:
    """The set's cache, if it is there and its tables are whole; what is not is built anew."""
    try:
        pictures = CachedPictures(folder)
    except FileNotFoundError:
        return None
    except DamagedCache as error:
        if tell and not isinstance(error, OtherVersion):
            _log.warning("%s: the cache is damaged (%s) and built anew", folder, error.why)
        return None
    # Another set whose digest begins alike, or a folder that somebody renamed.
    return pictures if pictures.meta["set"] == digest else None


class _Build:
    """One build; `run` leaves the finished folder or nothing but a partial one."""

    def __init__(
        self, source: Source, options: DecodeOptions, folder: Path, on_error: str, max_failed: float, workers: int
    ) -> None:
        self.source, self.options, self.folder = source, options, folder
        self.on_error, self.max_failed = on_error, max_failed
        # Starting a process takes as long as decoding a few pictures.
        self.decoders = [Decoder(options) for _ in range(max(1, min(workers, len(source) // _WORTH_A_PROCESS)))]
        self.partial = folder.with_name(folder.name + PARTIAL)
        self.next_job = self.next_write = self.offset = 0
        self.pending: dict[int, NDArray[np.uint8] | PictureError] = {}
        self.pending_bytes = 0
        self.index: list[tuple[int, int, int, int]] = []
        self.names: list[str] = []
        self.failures: list[tuple[str, str]] = []
        self.stopped: BaseException | None = None
        self.lock = threading.Condition()

    def run(self, digest: str, alone: bool) -> None:
        """Builds.

        Args:
            digest: The set's.
            alone: Whether this process holds the lock; where nobody can, another may be building the same set.
        """
        if not alone:
            self.partial = self.folder.with_name(f"{self.folder.name}.{os.getpid()}{PARTIAL}")
        shutil.rmtree(self.partial, ignore_errors=True)
        self.partial.mkdir(parents=True)
        try:
            self._check_disk()
            with (
                open(self.partial / PIXELS, "wb") as pixels,
                progress_bar(f"caching {self.source.label}", len(self.source)) as progress,
            ):
                self._decode_all(pixels, progress)
                _sync(pixels)
            self._write_tables(digest)
            _put_in_place(self.partial, self.folder, digest)
        finally:
            shutil.rmtree(self.partial, ignore_errors=True)
            for decoder in self.decoders:
                decoder.close()

    def _check_disk(self) -> None:
        needed = int(1.1 * self._estimate())
        _log.info("caching %s: %d pictures, about %s", self.source.label, len(self.source), readable_size(needed))
        remedy = "Point DLIC_CACHE at a larger disk, or set data.args.cache=false"
        check_disk(self.folder.parent, needed, f"the cache of {len(self.source)} pictures", remedy)

    def _estimate(self) -> float:
        """Bytes of the whole cache, from the headers of at most `_PROBED` pictures spread over the set."""
        chosen = np.unique(np.linspace(0, len(self.source) - 1, min(_PROBED, len(self.source))).astype(int))
        total, known = 0, 0
        for i in chosen.tolist():
            try:
                data = self.source.read(i, self.options.max_bytes)
                width, height = self.decoders[0].probe(data, raw=self.source.is_raw(i))
            except PictureError:
                continue
            total, known = total + width * height * self.options.channels, known + 1
        return total / known * len(self.source) if known else 0.0

    def _decode_all(self, pixels: BinaryIO, progress: Progress) -> None:
        with ThreadPoolExecutor(len(self.decoders)) as pool:
            jobs = [pool.submit(self._work, decoder, pixels, progress) for decoder in self.decoders]
            try:
                for job in jobs:
                    job.result()
            except BaseException as error:
                self._stop(error)
                raise
        if self.stopped is not None:
            raise self.stopped

    def _work(self, decoder: Decoder, pixels: BinaryIO, progress: Progress) -> None:
        """One thread: takes the next picture, has its process decode it, writes whatever is then in order."""
        while (job := self._take()) is not None:
            result = self._decode(decoder, job)
            with self.lock:
                self.pending[job] = result
                self.pending_bytes += getattr(result, "nbytes", 0)
                self._write_ready(pixels, progress)
                self.lock.notify_all()

    def _take(self) -> int | None:
        with self.lock:
            # Whoever waits has handed in its picture, so the one that all wait for is being decoded.
            self.lock.wait_for(lambda: self.pending_bytes < _PENDING_BYTES or self.stopped is not None)
            if self.stopped is not None or self.next_job >= len(self.source):
                return None
            self.next_job += 1
            return self.next_job - 1

    def _decode(self, decoder: Decoder, job: int) -> NDArray[np.uint8] | PictureError:
        try:
            return decoder.decode(self.source.read(job, self.options.max_bytes), raw=self.source.is_raw(job))
        except PictureError as error:
            return error
        except BaseException as error:
            self._stop(error)
            raise

    def _stop(self, error: BaseException) -> None:
        with self.lock:
            self.stopped = self.stopped or error
            self.lock.notify_all()

    def _write_ready(self, pixels: BinaryIO, progress: Progress) -> None:
        while self.stopped is None and self.next_write in self.pending:
            result = self.pending.pop(self.next_write)
            name = self.source.name(self.next_write)
            if isinstance(result, PictureError):
                self.failures.append((printable(name), result.reason))
                try:
                    check_failures(self.failures, len(self.source), self.on_error, self.max_failed)
                except DataError as error:
                    self.stopped = error
            else:
                self._append(pixels, name, result)
            self.next_write += 1
            progress.advance()

    def _append(self, pixels: BinaryIO, name: str, planes: NDArray[np.uint8]) -> None:
        self.pending_bytes -= planes.nbytes
        try:
            pixels.write(planes.reshape(-1).data)
        except OSError as error:
            self.stopped = error
            return
        self.index.append((self.offset, planes.shape[1], planes.shape[2], check_pixels(planes.reshape(-1))))
        self.names.append(name)
        self.offset += planes.nbytes

    def _write_tables(self, digest: str) -> None:
        _write_tables(self.partial, self.source, self.options, digest, self.index, self.names, self.failures)


def join_caches(
    parts: list[CachedPictures], source: Source, options: DecodeOptions, folder: Path, digest: str, alone: bool
) -> None:
    """Makes one cache of the caches of a set's parts.

    Args:
        parts: In the order of the set.
        source: The whole set.
        options: How it was decoded.
        folder: Where the cache is to be.
        digest: The whole set's.
        alone: As in a build.
    """
    needed = sum(part.meta["bytes"] for part in parts)
    check_disk(folder.parent, int(1.1 * needed), "the joined cache", "Point DLIC_CACHE at a larger disk")
    partial = folder.with_name(f"{folder.name}{'' if alone else f'.{os.getpid()}'}{PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    index: list[tuple[int, int, int, int]] = []
    try:
        offset = 0
        with open(partial / PIXELS, "wb") as pixels:
            for part in parts:
                index += [(offset + int(at), int(h), int(w), int(check)) for at, h, w, check in part.index]
                with open(part.folder / PIXELS, "rb") as file:
                    shutil.copyfileobj(file, pixels, 1 << 24)
                offset += part.meta["bytes"]
            _sync(pixels)
        names = [part.name(number) for part in parts for number in range(len(part))]
        failures = [failure for part in parts for failure in part.failures]
        _write_tables(partial, source, options, digest, index, names, failures)
        _put_in_place(partial, folder, digest)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_tables(
    folder: Path,
    source: Source,
    options: DecodeOptions,
    digest: str,
    index: list[tuple[int, int, int, int]],
    names: list[str],
    failures: list[tuple[str, str]],
) -> None:
    rows = np.array(index, np.int64).reshape(-1, 4)
    table = io.BytesIO()
    np.save(table, rows)
    tables = {INDEX: table.getvalue(), NAMES: json.dumps(names).encode()}
    meta = {
        "format": FORMAT,
        "set": digest,
        "label": source.label,
        "where": source.where(),
        "count": len(index),
        "bytes": int((rows[:, 1] * rows[:, 2]).sum()) * options.channels,
        "channels": options.channels,
        "options": options.as_dict(),
        "failures": failures,
    }
    tables[META] = json.dumps(seal(meta, tables), indent=1).encode()
    for name, data in tables.items():
        with open(folder / name, "wb") as file:
            file.write(data)
            _sync(file)


def _put_in_place(partial: Path, folder: Path, digest: str) -> None:
    """The one rename; what was there and is of no use goes first."""
    _sync_folder(partial)
    if folder.exists() and present(folder, digest) is None:
        shutil.rmtree(folder)
    # Where there are no locks, another process may have been quicker with the same.
    if not folder.exists():
        os.replace(partial, folder)
        _sync_folder(folder.parent)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Has the folder's names on the disk, where folders can be opened for that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
