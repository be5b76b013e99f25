"""Tensors that are computed once and kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar, cast

import torch

P = ParamSpec("P")
T = TypeVar("T")


def kept(most: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Keeps a function's last results: plain tensors, wherever it is first called.

    What inference mode makes can take part in no training afterwards, and what is made under another default device
    stays there: so neither holds inside.

    Args:
        most: Results kept.
    """

    def wrap(function: Callable[P, T]) -> Callable[P, T]:
        @lru_cache(maxsize=most)
        @wraps(function)
        def plain(*args: P.args, **kwargs: P.kwargs) -> T:
            with torch.inference_mode(False), torch.device("cpu"):
                return function(*args, **kwargs)

        return cast(Callable[P, T], plain)

    return wrap
