"""Errors a user can act on; the command line prints them and ends with status 2."""

from typing import ClassVar


class DlicError(Exception):
    """Root of the mistakes a user can mend: at most 5 lines that name file, key or value, and the remedy.

    Attributes:
        status: Exit status of a program that it ends.
    """

    status: ClassVar[int] = 2


class MachineError(DlicError):
    """Not a mistake in what was asked for: a disk is full, the memory is short, numbers have left their range."""

    status: ClassVar[int] = 1


class RegistryError(DlicError):
    """A name cannot be registered, or a target of the registry cannot be used."""


class UnknownNameError(RegistryError):
    """No such kind, or no such name in a kind."""


class AmbiguousNameError(RegistryError):
    """Two distributions claim one name, and the caller did not say which."""


class BrokenPluginError(RegistryError):
    """A registered target does not import, or is not what its kind asks for."""


def reason(error: BaseException) -> str:
    """An exception in one line: its type and the first line of its message."""
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
