"""JSON that every reader takes."""

from __future__ import annotations

import json
import math
from typing import Any


def strict_json(value: Any, indent: int | None = None) -> str:
    """Writes plain types as JSON, which has neither infinity nor not-a-number: both become null.

    Args:
        value: Mappings, lists, tuples, text, numbers, None.
        indent: Spaces a level; None writes one line.

    Example:
        >>> strict_json({"psnr_y": float("inf"), "bytes": (1, 2.5)})
        '{"psnr_y": null, "bytes": [1, 2.5]}'
    """
    return json.dumps(_readable(value), indent=indent, allow_nan=False)


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
