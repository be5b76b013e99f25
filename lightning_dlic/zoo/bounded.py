"""Building networks that a file of unknown origin asks for: at first of no memory, then no larger than the file."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from math import prod
from typing import TYPE_CHECKING, Any

from dlic_registry import DlicError

if TYPE_CHECKING:
    from torch import Tensor, nn

# Modules a tensor, and what is computed rather than stored, such as the kernels of an interpolation.
_MODULES, _SPARE_MODULES = 8, 256
_SPARE_TENSORS, _SPARE_ELEMENTS = 64, 1 << 22


class TooLargeError(DlicError):
    """A network would be larger than the tensors that are there for it."""


class _Counter:
    """Counts what one thread registers with its modules."""

    def __init__(self, tensors: int, elements: int) -> None:
        self.thread = threading.get_ident()
        # Twice: a tensor may be registered again under another name, as tied and normalised weights are.
        self.most = 2 * tensors + _SPARE_TENSORS, 2 * elements + _SPARE_ELEMENTS
        self.modules = _MODULES * tensors + _SPARE_MODULES
        self.elements = 0
        self.known: dict[tuple[nn.Module, str], int] = {}

    def tensor(self, module: nn.Module, name: str, value: Tensor | None) -> None:
        if value is None or threading.get_ident() != self.thread:
            return
        # What takes the place of another counts for its own size: spectral norms set theirs anew at each iteration.
        self.elements += value.numel() - self.known.get((module, name), 0)
        self.known[module, name] = value.numel()
        if len(self.known) > self.most[0] or self.elements > self.most[1]:
            raise TooLargeError("its network would be larger than the tensors in the file")

    def module(self, parent: nn.Module, name: str, child: nn.Module | None) -> None:
        if threading.get_ident() == self.thread:
            self.modules -= 1
            if self.modules < 0:
                raise TooLargeError("its network would have more layers than there are tensors for in the file")


@contextmanager
def no_larger_than(shapes: Iterable[Iterable[int]]) -> Iterator[None]:
    """Modules built inside, by this thread, end in an error as soon as they outgrow what a file holds.

    On the device ``meta`` they take no memory until then.

    Args:
        shapes: Of the file's tensors.

    Raises:
        TooLargeError: A module is larger.
    """
    from torch.nn.modules import module

    sizes = [prod(shape) for shape in shapes]
    counter = _Counter(len(sizes), sum(sizes))
    hooks: tuple[tuple[Any, Any], ...] = (
        (module.register_module_parameter_registration_hook, counter.tensor),
        (module.register_module_buffer_registration_hook, counter.tensor),
        (module.register_module_module_registration_hook, counter.module),
    )
    with ExitStack() as stack:
        for register, hook in hooks:
            stack.callback(register(hook).remove)
        yield


@contextmanager
def without_memory() -> Iterator[None]:
    """Tensors made inside have shapes only, and are not filled with random numbers.

    On shapes, torch draws by Python code that imports its compiler: a second and 160 MB, for nothing.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    draws = {torch.Tensor.normal_, torch.Tensor.uniform_, torch.Tensor.bernoulli_, torch.Tensor.random_}
    draws |= {torch.Tensor.exponential_, torch.Tensor.log_normal_, torch.Tensor.cauchy_, torch.Tensor.geometric_}

    class NoDraws(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            given = args[0] if args else (kwargs or {}).get("tensor")
            drawn = func in draws or getattr(func, "__module__", "") == "torch.nn.init"
            return given if drawn and given is not None and given.is_meta else func(*args, **(kwargs or {}))

    with torch.device("meta"), NoDraws():
        yield
