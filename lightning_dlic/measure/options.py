"""From options of the command line to the arguments of a measure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from dlic_registry import DlicError, did_you_mean
from lightning_dlic.kinds.lookup import kind_part
from lightning_dlic.measure.base import Measure
from lightning_dlic.recipe.signature import Argument, signature
from lightning_dlic.recipe.typecheck import conforms, describe


def measure_of(kind: str) -> type[Measure]:
    """How networks of a kind are measured.

    Raises:
        DlicError: The kind is not registered, or its networks are not measured.
    """
    found = kind_part(kind, "measure")
    if not (isinstance(found, type) and issubclass(found, Measure)):
        raise DlicError(f"kind {kind!r}: its measure is not derived from {Measure.__module__}:{Measure.__name__}")
    return found


def build_measure(kind: str, given: Mapping[str, Any]) -> Measure:
    """Builds the measure of a kind.

    Args:
        kind: The kind.
        given: Options by name; text is read as what the measure takes under that name.

    Raises:
        DlicError: The kind is not measured, has no use for an option, or refuses its value; the sentence names it.
    """
    cls = measure_of(kind)
    known = signature(cls).arguments
    for name in given:
        if name not in known:
            takes = ", ".join(_flag(other) for other in known) or "none"
            raise DlicError(
                f"{_flag(name)} is of no use in measuring networks of kind {kind!r}."
                f"{did_you_mean(name, known)} Options of use: {takes}."
            )
    try:
        return cls(**{name: _read(known[name], value) for name, value in given.items()})
    except ValueError as error:
        raise DlicError(str(error)) from error


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _read(argument: Argument, value: Any) -> Any:
    """A value, or a text as YAML has it; one with commas may be a list."""
    tried = [value]
    if isinstance(value, str):
        tried += [made for text in (value, f"[{value}]") for made in _yaml(text)]
    for made in tried:
        if conforms(made, argument.annotation):
            return made
    raise DlicError(f"{_flag(argument.name)} {value}: must be {describe(argument.annotation)}")


def _yaml(text: str) -> list[Any]:
    try:
        return [yaml.safe_load(text)]
    except yaml.YAMLError:
        return []
