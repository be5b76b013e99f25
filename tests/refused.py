"""A process to which the system refuses what some file systems lack: a filter on its own system calls."""

import ctypes
import errno
import platform
import struct
import sys

import pytest

# Of Linux, by machine: flock, mmap.
_CALLS = {"x86_64": (73, 9), "aarch64": (32, 222)}
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000


def refuse_locks_and_maps() -> None:
    """From here on this process and its children can neither lock files nor map them for reading."""
    flock, mmap = _CALLS[platform.machine()]
    program = [
        (_LOAD, 0, 0, 0),
        (_EQUAL, 0, 1, flock),
        (_RETURN, 0, 0, _ERROR | errno.ENOSYS),
        (_EQUAL, 0, 5, mmap),
        (_LOAD, 0, 0, 32),  # protection: 1 is read only
        (_EQUAL, 0, 3, 1),
        (_LOAD, 0, 0, 40),  # flags: 1 is shared, as no library is loaded
        (_EQUAL, 0, 1, 1),
        (_RETURN, 0, 0, _ERROR | errno.ENODEV),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    head = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    for words in ((38, 1, 0, 0, 0), (22, 2, ctypes.addressof(head), 0, 0)):  # no new privileges; the filter
        if libc.prctl(*(ctypes.c_ulong(word) for word in words)):
            sys.exit("no filters here")


needs_filters = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in _CALLS, reason="knows the system calls of other machines only"
)
