"""Where frozen networks of others (VGG, AlexNet) find their weights without a download."""

from __future__ import annotations

import os
from pathlib import Path


def find_weights(name: str) -> Path | None:
    """Looks for a weights file in ``$DLIC_WEIGHTS``, then in ``$DLIC_DATA/weights`` (``data/weights`` by default).

    Args:
        name: File name.

    Returns:
        The first path that exists, or None.
    """
    folders = [os.environ.get("DLIC_WEIGHTS"), os.path.join(os.environ.get("DLIC_DATA", "data"), "weights")]
    paths = (Path(folder) / name for folder in folders if folder)
    return next((path for path in paths if path.is_file()), None)
