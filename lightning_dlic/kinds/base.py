"""What a kind of stages is: names of its parts, each loaded when it is asked for.

A kind imports nothing: decoding loads an operator and never a stage, training a stage and never a measure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

from dlic_registry import DlicError


@dataclass(frozen=True)
class Slot:
    """Where stages of a kind stand behind the base codec, said relative to other kinds.

    Attributes:
        after: Kinds that come before this one, where they are there.
        before: Kinds that come after it.
        instead: Kinds in whose place it stands: it comes where they would, and never beside them.
    """

    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()


class Kind:
    """A kind of stages. Registered under the kind ``kind``; never built.

    Attributes:
        dlic_api: Version of this interface.
        stage: ``module:Class`` that its stages derive from; a class that does not is refused.
        operator: ``module:Class`` of its networks at work on 8-bit pictures, an `operators.base.Operator`; None for a
            kind whose networks work nowhere by themselves.
        measure: ``module:Class`` of how its networks are measured, a `measure.base.Measure`; None where they are not.
        rivals: Names of what does the task without a network, beside which networks are measured.
        slot: Where its stages stand in a pipeline and in a chain; None for a kind that stands in neither.
        loop: Base codec in whose loop its networks work, as one of the networks that the codec takes; None for others.
        hints: Whether its networks work on hints: then they have nothing to do where colour is the base layer's.
        alpha: Whether its networks are told how much they may make up.
        facts: What a weights file must state of its network beside name and arguments, and of which type.
    """

    dlic_api: ClassVar[int] = 1
    stage: ClassVar[str] = "lightning_dlic.stages.base:Stage"
    operator: ClassVar[str | None] = None
    measure: ClassVar[str | None] = None
    rivals: ClassVar[tuple[str, ...]] = ()
    slot: ClassVar[Slot | None] = None
    loop: ClassVar[str | None] = None
    hints: ClassVar[bool] = False
    alpha: ClassVar[bool] = False
    facts: ClassVar[Mapping[str, type]] = {}


def part(kind: type[Kind], which: str) -> Any:
    """A part of a kind, imported.

    Args:
        kind: The kind.
        which: ``stage``, ``operator`` or ``measure``.

    Raises:
        DlicError: The kind has no such part, or it does not import.
    """
    target: str | None = getattr(kind, which)
    if target is None:
        raise DlicError(f"kind {kind.__name__} has no {which}")
    module, _, name = target.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise DlicError(f"kind {kind.__name__}: its {which} {target} does not import ({error})") from error
