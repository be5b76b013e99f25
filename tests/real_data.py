"""Real pictures and weights that do not ship: below ``$DLIC_DATA``, or the test is skipped and says so."""

import os
from pathlib import Path

import pytest


def real_data(below: str) -> Path:
    """A file or folder below ``$DLIC_DATA``; without it the test is skipped."""
    root = os.environ.get("DLIC_DATA")
    if not root:
        pytest.skip(f"needs {below} below $DLIC_DATA, which is not set")
    if not (Path(root) / below).exists():
        pytest.skip(f"needs {Path(root) / below}")
    return Path(root) / below
