"""Base layers by a registered downsizing operator: the encoder's alone, the decoder never knows."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dlic_registry import load
from lightning_dlic.codec.planes import Planes
from lightning_dlic.imaging.numpy.color import split
from lightning_dlic.imaging.numpy.resize import shrink
from lightning_dlic.zoo.files import inspect_net

U8 = NDArray[np.uint8]


def by_operator(spec: Mapping[str, Any], picture: U8, luma: U8, plain: Planes, scale: int) -> Planes:
    """A base layer by an operator.

    Args:
        spec: Its registered name, with its arguments.
        picture: uint8 ``[H, W, 3]`` or ``[H, W]``.
        luma: Its Y', ``[H, W]``.
        plain: The base layer by bicubic: its chroma stays where the operator makes luma, and all of it where the
            operator does not serve at this scale.
        scale: Factor.
    """
    operator = _built(spec, scale)
    if operator is None:
        return plain
    if getattr(operator, "channels", 3) == 1 or picture.ndim == 2:
        made = _applied(operator, luma[..., None], scale)[..., 0]
        return Planes(made, plain.cb, plain.cr)
    rgb = _applied(operator, picture, scale)
    y, cb, cr = split(rgb)
    return Planes(y, shrink(cb, 2), shrink(cr, 2), rgb)


def _built(spec: Mapping[str, Any], scale: int) -> nn.Module | None:
    """The operator at a scale; None for a trained one of another."""
    arguments = {key: value for key, value in spec.items() if key != "name"}
    if isinstance(arguments.get("weights"), str) and inspect_net(arguments["weights"]).get("scale") != scale:
        return None
    operator: Any = load("downsize", spec["name"])
    takes = inspect.signature(operator).parameters
    made: nn.Module = operator(**({"scale": scale} if "scale" in takes else {}), **arguments)
    return made.eval()


@torch.inference_mode()
def _applied(operator: nn.Module, picture: U8, scale: int) -> U8:
    """uint8 ``[H, W, C]`` to ``[ceil(H/s), ceil(W/s), C]``."""
    margin = [(0, -side % scale) for side in picture.shape[:2]]
    padded = np.pad(picture, (*margin, (0, 0)), mode="edge")
    small: Tensor = operator(torch.from_numpy(padded).permute(2, 0, 1)[None])
    return np.ascontiguousarray(small[0].mul(255.0).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy())
