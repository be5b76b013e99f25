"""Shim."""

from __future__ import annotations

from typing import Any


def load_operator(target: str) -> Any:
    """Shim."""
    from lightning_dlic.operators.colorizer import load_colorizer
    from lightning_dlic.operators.luma_enlarger import load_enlarger
    from lightning_dlic.zoo.files import inspect_net

    meta = inspect_net(target)
    return load_colorizer(target) if meta["kind"] == "colorization" else load_enlarger(target, meta["scale"])
