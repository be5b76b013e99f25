"""How the codec's inner loops are compiled: on first use, and kept in Numba's cache.

Functions called from Python are `entry` points and cached. All others are compiled into their callers; without wrappers
for Python that takes a third of the time. Numba sees a change of an entry point's own file only; a test therefore wants
`entry.COMPILED` to follow every change of the files that are compiled into those functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lightning_dlic.imaging.jit import njit

inner: Any = njit(error_model="numpy", nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
inner_fast: Any = njit(error_model="numpy", nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, fastmath=True)
"""As `inner`, with sums of floats in any order: for the encoder's estimates only."""


def entry(function: Callable[..., Any]) -> Any:
    """Compiles what Python calls; kept in the cache where there is a folder that can be written."""
    return njit(cache=True, error_model="numpy", nogil=True)(function)
