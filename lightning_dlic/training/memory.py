"""What a training on processors does with memory that it has just freed."""

from __future__ import annotations

import ctypes
import sys

# Of glibc's malloc.h: from how many bytes at the end of the heap these go back to the system, and from how many a block
# comes from there by itself.
_TRIM, _MMAP = -1, -3
_NEVER, _WHOLE = (1 << 31) - 1, 1 << 27


def keep_memory() -> None:
    """Has the C library keep what is freed for the next batch, where it has a say in that (glibc).

    A batch's layers are megabytes each, which it otherwise gives back and takes again from the system, page by page, in
    each batch (`benchmarks/overhead.py` shows it).
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP, _WHOLE)
        mallopt(_TRIM, _NEVER)
