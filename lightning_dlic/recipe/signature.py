"""What a class can be called with, without calling it."""

from __future__ import annotations

import inspect
import typing
from collections import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from dlic_registry import Component

# Their constructors take anything, and do nothing with it that a recipe could mean.
_FRAMEWORK = {
    "builtins.object",
    "torch.nn.modules.module.Module",
    "pytorch_lightning.core.module.LightningModule",
    "pytorch_lightning.core.datamodule.LightningDataModule",
}
# Classes below these are others'. What the base of one must have it gives that itself, whatever ``**kwargs`` is for.
_LIBRARIES = {
    "torch.optim.optimizer.Optimizer",
    "torch.optim.lr_scheduler.LRScheduler",
}


@dataclass(frozen=True)
class Argument:
    """One argument of a class.

    Attributes:
        name: Its name.
        annotation: Its resolved type hint; `Any` where there is none.
        required: Whether it has no default.
        default: Its default.
    """

    name: str
    annotation: Any = Any
    required: bool = False
    default: Any = None

    @property
    def component(self) -> Component | None:
        """How the argument is a component itself, if it is."""
        return _component(self.annotation)


@dataclass(frozen=True)
class Signature:
    """All arguments of a class.

    Attributes:
        arguments: By name.
        open: Whether it takes any other keyword as well.
    """

    arguments: Mapping[str, Argument]
    open: bool


def signature(cls: type[Any]) -> Signature:
    """Reads the arguments of a class; where its constructor passes ``**kwargs`` on, those of its base classes too.

    Args:
        cls: The class.

    Returns:
        Its signature, ``self`` left out.
    """
    found: dict[str, Argument] = {}
    takes_more = False
    closed = any(_full_name(owner) in _LIBRARIES for owner in cls.__mro__)
    for owner in cls.__mro__:
        if _full_name(owner) in _FRAMEWORK | _LIBRARIES:
            break
        if "__init__" not in vars(owner):
            continue
        constructor = vars(owner)["__init__"]
        parameters = list(inspect.signature(constructor).parameters.values())[1:]
        hints = _hints(constructor)
        for parameter in parameters:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                argument = _argument(parameter, hints)
                if not (closed and takes_more and argument.required):
                    found.setdefault(parameter.name, argument)
        takes_more = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
        if not takes_more:
            break
    return Signature(found, takes_more)


def _full_name(owner: type[Any]) -> str:
    return f"{owner.__module__}.{owner.__qualname__}"


def _argument(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Argument:
    required = parameter.default is parameter.empty
    default = None if required else parameter.default
    return Argument(parameter.name, hints.get(parameter.name, Any), required, default)


def _hints(function: Any) -> Mapping[str, Any]:
    """Type hints of a function; none where they name what exists for type checkers only."""
    usual = {name: getattr(module, name) for module in (abc, typing) for name in module.__all__}
    try:
        return typing.get_type_hints(function, {**usual, **function.__globals__}, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return {}


def _component(annotation: Any) -> Component | None:
    if typing.get_origin(annotation) is Annotated:
        return next((item for item in annotation.__metadata__ if isinstance(item, Component)), None)
    members = (_component(member) for member in typing.get_args(annotation))
    return next((member for member in members if member is not None), None)
