"""Waiting for other processes: only for so long, and time in which nobody ran does not count."""

from collections.abc import Callable

_SLICE = 1.0


def patient(seconds: float, wait: Callable[[float], bool], slice_: float = _SLICE) -> bool:
    """Waits in slices, each of which counts for no more than its length.

    So a program that is stopped (Ctrl-Z, a suspended machine, a paused container), and what it waits for with it, has
    as much time afterwards as before.

    Args:
        seconds: For how long.
        wait: Waits at most so many seconds, and says whether what is waited for is there.
        slice_: Seconds at a time.

    Returns:
        Whether it came.
    """
    left = seconds
    while left > 0:
        if wait(min(slice_, left)):
            return True
        left -= slice_
    return False
