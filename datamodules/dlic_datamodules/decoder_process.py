"""Decoding in a process of its own, so that a picture can neither crash, stall nor bloat the one that trains.

`python -m dlic_datamodules.decoder_process` reads requests on its standard input and answers on its standard output;
`Decoder` starts it and talks to it. A request is a kind (decode or probe), a raw flag, a length and the file's bytes;
an answer is a status, three sizes and the pixels (or the reason why not, in UTF-8).
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from dlic_datamodules.decode import DecodeOptions, decode, probe
from dlic_datamodules.errors import DataError, PictureError
from dlic_registry.patience import patient

__all__ = ["Decoder"]

_REQUEST = struct.Struct("<BBQ")
_ANSWER = struct.Struct("<BIII")
_DECODE, _PROBE = 0, 1
_OK, _BAD, _SETUP = 0, 1, 2
_READY = b"\1"
# Bytes of address space a pixel of the largest picture may take: several copies, 16-bit intermediates.
_BYTES_A_PIXEL = 32


class _Died(Exception):
    """The process ended without an answer."""


class _NotBegun(_Died):
    """The process ended before it was asked anything: no picture's fault."""


class Decoder:
    """A decoding process, started when first needed and again after it died.

    Args:
        options: How to decode.
        timeout: Seconds a picture may take; those in which the program is stopped do not count.
    """

    def __init__(self, options: DecodeOptions, timeout: float = 60.0) -> None:
        self.options = options
        self.timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None

    def decode(self, data: bytes, *, raw: bool = False) -> NDArray[np.uint8]:
        """As `dlic_datamodules.decode.decode`; a crash, a stall or too much memory is a `PictureError` as well."""
        shape, pixels = self._ask(_DECODE, data, raw)
        return np.frombuffer(pixels, np.uint8).reshape(shape)

    def probe(self, data: bytes, *, raw: bool = False) -> tuple[int, int]:
        """As `dlic_datamodules.decode.probe`, guarded likewise."""
        shape, _ = self._ask(_PROBE, data, raw)
        return shape[2], shape[1]

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdout.close()
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        """Starts a process that has said that it is ready.

        Raises:
            DataError: It cannot be started.
            _NotBegun: It ended at once.
        """
        package_root = str(Path(__file__).resolve().parents[1])
        path = os.pathsep.join([package_root, *(entry for entry in sys.path if entry)])
        environment = {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-P", "-m", "dlic_datamodules.decoder_process", json.dumps(self.options.as_dict())]
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        except OSError as error:
            raise DataError(f"a decoding process cannot be started: {error.strerror or error}") from error
        assert process.stdout is not None
        with self._time_limit(process):
            ready = process.stdout.read(1)
        self._process = process
        if ready != _READY:
            self.close()
            raise _NotBegun(process.returncode)
        return process

    @contextlib.contextmanager
    def _time_limit(self, process: subprocess.Popen[bytes]) -> Iterator[threading.Event]:
        """Kills a process that takes too long; the event is set where that was done."""
        late, done = threading.Event(), threading.Event()

        def watch() -> None:
            if not patient(self.timeout, done.wait):
                late.set()
                process.kill()

        threading.Thread(target=watch, daemon=True).start()
        try:
            yield late
        finally:
            done.set()

    def _ask(self, kind: int, data: bytes, raw: bool) -> tuple[tuple[int, int, int], bytearray]:
        try:
            status, shape, payload = self._answer(kind, data, raw)
        except _Died:
            # Whoever is short of memory may have killed it, whatever it was at: the picture has a second chance.
            try:
                status, shape, payload = self._answer(kind, data, raw)
            except _NotBegun as died:
                raise DataError(f"a decoding process ends before it has begun, with status {died}") from None
            except _Died:
                raise PictureError("crashes its decoder") from None
        if status == _OK:
            return shape, payload
        raise (DataError if status == _SETUP else PictureError)(payload.decode("utf-8", "replace"))

    def _answer(self, kind: int, data: bytes, raw: bool) -> tuple[int, tuple[int, int, int], bytearray]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._start()
        process = self._process
        assert process is not None
        try:
            with self._time_limit(process) as late:
                return _exchange(process, kind, data, raw)
        except (EOFError, BrokenPipeError):
            self.close()
            if late.is_set():
                raise PictureError(f"takes longer than {self.timeout:g} s to decode") from None
            raise _Died from None
        except BaseException:
            # Half an exchange is in the pipe: whoever asks next must not read the rest of this answer.
            self.close()
            raise


def _exchange(
    process: subprocess.Popen[bytes], kind: int, data: bytes, raw: bool
) -> tuple[int, tuple[int, int, int], bytearray]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(_REQUEST.pack(kind, raw, len(data)))
    process.stdin.write(data)
    process.stdin.flush()
    status, c, h, w = _ANSWER.unpack(_read(process.stdout, _ANSWER.size))
    length = w if status != _OK else 0 if kind == _PROBE else c * h * w
    return status, (c, h, w), _read(process.stdout, length)


def _read(stream: IO[bytes], length: int) -> bytearray:
    data = bytearray(length)
    view, filled = memoryview(data), 0
    while filled < length:
        count = stream.readinto(view[filled:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        filled += count
    return data


def _answer(kind: int, raw: int, data: bytes, options: DecodeOptions) -> tuple[bytes, bytes | memoryview]:
    try:
        if kind == _PROBE:
            width, height = probe(data, options, raw=bool(raw))
            return _ANSWER.pack(_OK, options.channels, height, width), b""
        pixels = decode(data, options, raw=bool(raw))
        return _ANSWER.pack(_OK, *pixels.shape), pixels.reshape(-1).data
    except DataError as error:
        status, reason = _SETUP, str(error)
    except PictureError as error:
        status, reason = _BAD, error.reason
    text = reason.encode("utf-8", "backslashreplace")
    return _ANSWER.pack(status, 0, 0, len(text)), text


def _limit_memory(limit: int) -> None:
    """Caps the address space, so that a hostile picture ends in MemoryError instead of the machine's exhaustion."""
    try:
        import resource
    except ImportError:  # Windows has no such limit.
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _serve(options: DecodeOptions, requests: IO[bytes], answers: IO[bytes]) -> None:
    while True:
        try:
            kind, raw, length = _REQUEST.unpack(_read(requests, _REQUEST.size))
            data = bytes(_read(requests, length))
        except EOFError:
            return
        head, body = _answer(kind, raw, data, options)
        answers.write(head)
        answers.write(body)
        answers.flush()


def _main() -> None:
    options = DecodeOptions(**json.loads(sys.argv[1]))
    _limit_memory(max(1 << 31, _BYTES_A_PIXEL * options.max_pixels))
    answers = os.fdopen(os.dup(1), "wb")
    # Native decoders print complaints; they must neither mix with answers nor fill the terminal.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        answers.write(_READY)
        answers.flush()
        _serve(options, sys.stdin.buffer, answers)
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(1)


if __name__ == "__main__":
    _main()
