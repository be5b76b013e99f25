"""Building what a user names: whatever a class has against its arguments is a sentence that says where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dlic_registry.errors import DlicError

_LONGEST = 500
# Of which the message alone says nothing.
_BARE = (ArithmeticError, LookupError, AssertionError, AttributeError)


@contextmanager
def building(where: str) -> Iterator[None]:
    """Classes refuse arguments in any way: by ValueError, by a division by zero, by an assertion of their library.

    Args:
        where: Place and key of the arguments.

    Raises:
        DlicError: In place of all of these; errors of ours, of files and for want of memory stay what they are.
    """
    try:
        yield
    except (DlicError, MemoryError, OSError):
        raise
    except Exception as error:
        text = str(error).strip()
        if "allocate memory" in text or "out of memory" in text:
            raise
        told = text if text and not isinstance(error, _BARE) else f"{type(error).__name__}: {text}"
        raise DlicError(f"{where}: {told}"[:_LONGEST]) from error
