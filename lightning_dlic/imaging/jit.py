"""Compiling by Numba where it is installed; without it the same functions run as they stand, only slower.

What is compiled is kept in Numba's cache where there is a folder that can be written, beside the code or in the user's
home; where there is none (a read-only installation) it is compiled anew by each process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

_numba: Any = None
with contextlib.suppress(ImportError):
    from numba import njit as _numba
COMPILES = _numba is not None
"""Whether Numba is installed."""


def njit(*, cache: bool = False, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator that compiles.

    Args:
        cache: Whether to keep what is compiled, where that is possible.
        options: Numba's.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        if not COMPILES:
            return function
        if cache:
            # Numba finds no folder to write otherwise.
            with contextlib.suppress(RuntimeError, OSError):
                return _numba(cache=True, **options)(function)
        return _numba(**options)(function)

    return decorate
