"""Values of arguments that no set could do anything with: named before anything starts."""

from __future__ import annotations

import os

from dlic_datamodules.errors import DataError
from dlic_datamodules.sizes import readable_size

__all__ = ["check", "check_batch", "check_workers"]

_MOST_BYTES = 1 << 32
_MANY_WORKERS = 64
_WORKERS_A_CORE = 4


def check(good: bool, name: str, value: object, wanted: str) -> None:
    """Raises `DataError` unless ``good``, naming the argument, its value and what is wanted."""
    if not good:
        raise DataError(f"data.args.{name} must be {wanted}, not {value!r}")


def check_batch(crop: int, batch_size: int, channels: int) -> None:
    """Checks sides and number of crops, and that a batch of them is of a size that some machine has room for."""
    for name, value in (("crop", crop), ("batch_size", batch_size)):
        check(isinstance(value, int) and value >= 1, name, value, "a whole number from 1")
    size = batch_size * channels * crop * crop
    if size > _MOST_BYTES:
        raise DataError(
            f"data.args.crop={crop} and data.args.batch_size={batch_size} make batches of {readable_size(size)}, more "
            f"than {readable_size(_MOST_BYTES)}\nLower one of them"
        )


def check_workers(workers: int) -> None:
    """Checks the number of loader processes: many more than there are cores only take memory."""
    most = max(_MANY_WORKERS, _WORKERS_A_CORE * (os.cpu_count() or 1))
    check(isinstance(workers, int) and 0 <= workers <= most, "workers", workers, f"from 0 to {most}")
