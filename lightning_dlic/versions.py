"""Versions of what a figure depends on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

_ALWAYS = ("lightning-dlic", "torch", "numpy", "pillow")


def versions(*more: str) -> dict[str, str]:
    """Versions of Python and of packages.

    Args:
        *more: Packages besides those that every figure depends on; those that are not installed are left out.

    Returns:
        Version by name.
    """
    found = {"python": platform.python_version()}
    for name in (*_ALWAYS, *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
