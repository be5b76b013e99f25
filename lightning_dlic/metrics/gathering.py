"""Figures of a set as a whole: what a metric gathers over pictures, such as the Frechet distance of their features."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import torch
from torch import Tensor, nn

from dlic_registry import DlicError

# They look at made pictures alone, and judge how various they are.
_SETS_OF_MADE = ("InceptionScore",)


def gathers(module: nn.Module) -> bool:
    """Whether a metric judges all pictures together.

    Those of torchmetrics are told by their `update`, which takes pictures and whether they are real; a class of one's
    own says so by an attribute ``over_set``.
    """
    own = getattr(module, "over_set", None)
    if isinstance(own, bool):
        return own
    return "real" in _taken(module, "update") or any(base.__name__ in _SETS_OF_MADE for base in type(module).mro())


def judges_alone(module: nn.Module) -> bool:
    """Whether a metric looks at the made picture alone: its call takes one argument."""
    found = [
        parameter
        for parameter in _taken(module, "update" if hasattr(module, "update") else "forward").values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return len(found) == 1


def _taken(module: nn.Module, method: str) -> dict[str, inspect.Parameter]:
    function = getattr(type(module), method, None)
    if function is None:
        return {}
    parameters = dict(inspect.signature(function).parameters)
    parameters.pop("self", None)
    return parameters


class Gathering:
    """What a metric of a whole set has seen of the pictures of one row; its network is shared by all rows."""

    def __init__(self, name: str, module: nn.Module) -> None:
        """Starts empty.

        Args:
            name: The metric's, for messages.
            module: The metric; its state is copied, its networks are not.
        """
        self._name = name
        # What is in the memo is taken as it is.
        self._module: Any = copy.deepcopy(module, {id(child): child for child in module.children()})
        self._sided = "real" in _taken(module, "update")
        self._value: float | None = None

    @torch.inference_mode()
    def add(self, output: Tensor, target: Tensor) -> None:
        """Shows a picture.

        Args:
            output: uint8 ``[1, 3|1, H, W]``.
            target: The same shape.

        Raises:
            DlicError: The metric fails.
        """
        self._value = None
        made, real = (self._form(picture) for picture in (output, target))
        try:
            if self._sided:
                self._module.update(real, real=True)
                self._module.update(made, real=False)
            else:
                self._module.update(made)
        except (TypeError, ValueError, RuntimeError) as error:
            raise self._failure(error) from error

    @property
    def value(self) -> float:
        """The figure of all pictures shown.

        Raises:
            DlicError: The metric fails: too few pictures, for one.
        """
        if self._value is None:
            try:
                found = self._module.compute()
                # Some give a mean with its deviation.
                self._value = float(found[0] if isinstance(found, tuple) else found)
            except (TypeError, ValueError, RuntimeError) as error:
                raise self._failure(error) from error
        return self._value

    def _form(self, picture: Tensor) -> Tensor:
        color = picture.expand(-1, 3, -1, -1)
        # Those that take 8 bits say so by not being told to normalise.
        return color if getattr(self._module, "normalize", True) is False else color / 255.0

    def _failure(self, error: Exception) -> DlicError:
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        return DlicError(f"metric {self._name!r} fails on the set: {reason}")
