"""Whether a network has room on this machine: asked while it is built, before its memory is touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

# Weights, their gradients and an optimizer's two averages.
_COPIES = 4
# Far above any network's, and few enough that a mistyped depth is told within seconds.
_TENSORS = 20_000
_CGROUP = Path("/sys/fs/cgroup/memory.max")


class TooLargeError(ValueError):
    """A network that this machine cannot train."""


@contextmanager
def bounded() -> Iterator[None]:
    """Refuses networks built inside that do not fit into memory.

    Raises:
        TooLargeError: One has more parameters than there is room for, or more tensors than any network.
    """
    available = memory()
    tensors = size = 0

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal tensors, size
        if parameter is None:
            return
        tensors, size = tensors + 1, size + parameter.numel() * parameter.element_size()
        if size * _COPIES > available:
            raise TooLargeError(
                f"this network has over {size / 1e9:.0f} GB of parameters; training it takes {_COPIES} times that, "
                f"and this machine has {available / 1e9:.0f} GB"
            )
        if tensors > _TENSORS:
            raise TooLargeError(f"this network has over {_TENSORS} tensors of parameters: too deep to be trained")

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    except RuntimeError as error:
        if "allocate memory" not in str(error):
            raise
        raise TooLargeError(f"this network's parameters do not fit into {available / 1e9:.0f} GB") from error
    finally:
        handle.remove()


def memory() -> int:
    """Bytes of memory that this process may use: the machine's, or its container's."""
    own = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 1 << 62
    try:
        return min(own, int(_CGROUP.read_text()))
    except (OSError, ValueError):  # no container, or one without a limit
        return own
