"""A command group that imports the module of a verb only when that verb runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

_LINE_ENDS = re.compile(r"(?<!\n)\n(?!\n)")


class Verb(NamedTuple):
    """Where a verb lives, and its line in ``--help``.

    Attributes:
        target: ``module:attribute``; a function with typer's annotations, or a `typer.Typer` of further verbs.
        help: one line.
        panel: the heading it stands under there.
    """

    target: str
    help: str
    panel: str | None = None


class LazyGroup(TyperGroup):
    """Lists verbs from a table, and imports one when it is called. A subclass sets `verbs`."""

    verbs: ClassVar[Mapping[str, Verb]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, verb in self.verbs.items():
            # All that --help and the suggestion for a mistyped verb need.
            self.add_command(TyperCommand(name, help=verb.help, rich_help_panel=verb.panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Replaces the place holder of the verb that runs by the verb itself."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else load_verb(name, self.verbs[name]), rest


def load_verb(name: str, verb: Verb) -> Any:
    """Import a verb.

    Args:
        name: what the user types.
        verb: where it lives.

    Returns:
        The command, of the class that the installed typer uses.
    """
    module, _, attribute = verb.target.partition(":")
    found = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        function, found = found, typer.Typer(add_completion=False)
        found.command(name)(function)
    command = typer.main.get_command(found)
    for each in (command, *getattr(command, "commands", {}).values()):
        # The terminal breaks lines where it is wide enough, not where the source did.
        each.help = _LINE_ENDS.sub(" ", each.help or "")
    return command
