"""Building a cache: in parallel, in order, all or nothing."""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from dlic_datamodules.cache import (
    FORMAT,
    INDEX,
    META,
    NAMES,
    PARTIAL,
    PIXELS,
    CachedPictures,
    cache_key,
    cache_root,
    lock_path,
)
from dlic_datamodules.decode import DecodeOptions
from dlic_datamodules.decoder_process import Decoder
from dlic_datamodules.errors import DataError, PictureError, printable
from dlic_datamodules.policy import check_failures
from dlic_datamodules.progress import Progress, progress_bar
from dlic_datamodules.sizes import check_disk, readable_size
from dlic_datamodules.source import Source

__all__ = ["build_workers", "open_cache"]

_log = logging.getLogger("dlic.data")
# Decoded pictures that may wait for an earlier one to be written.
_PENDING_BYTES = 1 << 28
_PROBED = 64
_WORTH_A_PROCESS = 8


def build_workers() -> int:
    """Decoding processes: one a core this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_cache(
    source: Source,
    options: DecodeOptions,
    *,
    root: str | Path | None = None,
    on_error: str = "raise",
    max_failed: float = 0.05,
    workers: int | None = None,
) -> CachedPictures:
    """Opens the set's cache, building it first where there is none.

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
        DataError: By the policy above, or too little disk space.
    """
    base = cache_root(root)
    key = cache_key(source, options)
    folder = base / key
    if not folder.is_dir():
        try:
            base.mkdir(parents=True, exist_ok=True)
            with FileLock(lock_path(base, key)):
                if not folder.is_dir():
                    _Build(source, options, folder, on_error, max_failed, workers or build_workers()).run()
        except OSError as error:
            raise DataError(
                f"cannot write the cache {folder}: {error.strerror or error}\n"
                "Point DLIC_CACHE at a folder with space, or set data.args.cache=false"
            ) from error
    pictures = CachedPictures(folder)
    check_failures(pictures.failures, len(source), on_error, max_failed)
    return pictures


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
        self.index: list[tuple[int, int, int]] = []
        self.names: list[str] = []
        self.failures: list[tuple[str, str]] = []
        self.stopped: BaseException | None = None
        self.lock = threading.Condition()

    def run(self) -> None:
        """Builds."""
        shutil.rmtree(self.partial, ignore_errors=True)
        self.partial.mkdir(parents=True)
        try:
            self._check_disk()
            with (
                open(self.partial / PIXELS, "wb") as pixels,
                progress_bar(f"caching {self.source.label}", len(self.source)) as progress,
            ):
                self._decode_all(pixels, progress)
                pixels.flush()
                os.fsync(pixels.fileno())
            self._write_tables()
            os.replace(self.partial, self.folder)
        except BaseException:
            shutil.rmtree(self.partial, ignore_errors=True)
            raise
        finally:
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
        self.index.append((self.offset, planes.shape[1], planes.shape[2]))
        self.names.append(name)
        self.offset += planes.nbytes

    def _write_tables(self) -> None:
        np.save(self.partial / INDEX, np.array(self.index, np.int64).reshape(-1, 3))
        (self.partial / NAMES).write_text(json.dumps(self.names), "utf-8")
        meta = {
            "format": FORMAT,
            "label": self.source.label,
            "where": self.source.where(),
            "count": len(self.index),
            "bytes": self.offset,
            "channels": self.options.channels,
            "options": self.options.as_dict(),
            "failures": self.failures,
        }
        (self.partial / META).write_text(json.dumps(meta, indent=1), "utf-8")
