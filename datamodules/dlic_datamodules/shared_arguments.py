"""What a set's class says of its arguments: its own, then those that it takes as ``**shared``."""

from __future__ import annotations

import inspect


def tell_shared(cls: type, base: type) -> None:
    """Gives a set's constructor the signature that callers may use.

    Args:
        cls: The set, whose constructor takes ``**shared`` and hands it on.
        base: Whose arguments these are.
    """
    signature = _merged(cls, base)
    hints = {name: p.annotation for name, p in signature.parameters.items() if name != "self"}
    cls.__init__.__signature__ = signature  # type: ignore[misc]
    cls.__init__.__annotations__ = {**hints, "return": None}  # type: ignore[misc]


def _merged(cls: type, base: type) -> inspect.Signature:
    own = inspect.signature(cls.__init__, eval_str=True)  # type: ignore[misc]
    shared = inspect.signature(base.__init__, eval_str=True)  # type: ignore[misc]
    named = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
    extra = [p for name, p in shared.parameters.items() if name != "self" and name not in own.parameters]
    return own.replace(parameters=[*named, *extra])
