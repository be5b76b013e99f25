"""How a class says that one of its arguments is itself a component by name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Component:
    """Metadata of an annotated argument that takes a mapping ``{"name": ..., **arguments}``.

    Attributes:
        kind: Kind under which the name is registered.
        provides: Arguments that the class itself passes on; a recipe cannot give them.
        several: Whether it takes several as well: ``{name: arguments, ...}``, or any key with a ``name`` among the
            arguments.
        aside: Keys beside the arguments that are the class's own affair.

    Example:
        >>> from collections.abc import Mapping
        >>> from typing import Annotated, Any
        >>> Net = Annotated[Mapping[str, Any] | None, Component("net", provides=("scale", "channels"))]
    """

    kind: str
    provides: tuple[str, ...] = ()
    several: bool = False
    aside: tuple[str, ...] = ()
