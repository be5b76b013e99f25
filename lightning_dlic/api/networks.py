"""Networks by name, file or run, at work on pictures in memory."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from dlic_datamodules.pictures import Picture
from dlic_registry import DlicError
from lightning_dlic.api.targets import find_target, load_target_net
from lightning_dlic.operators.base import Operator, open_operator
from lightning_dlic.operators.enlarger import Enlarger, kernel_enlarger
from lightning_dlic.operators.upscale import upscale as upscale_picture

U8 = NDArray[np.uint8]


def load(target: str) -> Operator:
    """A network at work, with typed facts; its ``net`` is the plain module.

    Args:
        target: ``NAME`` or ``zoo:NAME`` of the zoo, ``OWNER:NAME`` of an installed package's, a weights file, a
            checkpoint, or a run's folder.

    Raises:
        DlicError: It is none of these, or cannot be loaded.

    Example:
        >>> operator = load("compact_x4")
        >>> (operator.kind, operator.facts.scale, operator.parameters)
        ('sr', 4, 375456)
    """
    found = find_target(target)
    if found.file is None:
        raise DlicError(f"{target}: does its task without a network")
    return open_operator(found.name, *load_target_net(found))


def upscale(picture: U8, model: str = "compact_x4", scale: int | None = None) -> U8:
    """Enlarges a picture.

    Args:
        picture: uint8 ``[H, W, 3]``, or ``[H, W]`` for grey.
        model: What `load` takes, or ``bicubic``, ``nearest``, ``lanczos``.
        scale: Factor of what is no network; 4 by default.

    Returns:
        uint8 ``[H * s, W * s, 3]`` or ``[H * s, W * s]``.

    Raises:
        DlicError: There is no such model, or it does not enlarge pictures.

    Example:
        >>> import numpy as np
        >>> upscale(np.zeros((8, 10, 3), np.uint8), "bicubic", 2).shape
        (16, 20, 3)
    """
    grey = picture.ndim == 2
    enlarger = open_enlarger(model, scale)
    made: U8 = upscale_picture(Picture(picture[..., None] if grey else picture), enlarger).pixels.astype(np.uint8)
    return made[..., 0] if grey else made


def open_enlarger(model: str, scale: int | None = None, device: torch.device | None = None) -> Enlarger:
    """What enlarges: a network at work, or plain resizing.

    Args:
        model: What `load` takes, or ``bicubic``, ``nearest``, ``lanczos``.
        scale: Factor of what is no network, 4 by default; and the one that a network must have.
        device: Where it computes; the CPU by default.

    Raises:
        DlicError: There is no such model, it does not enlarge pictures, or by another factor.
    """
    found = find_target(model)
    if found.file is None:
        return kernel_enlarger(found.text, scale or 4)
    operator = open_operator(found.name, *load_target_net(found), device)
    if not isinstance(operator, Enlarger):
        raise DlicError(f"{model}: of kind {operator.kind!r}: not a network that enlarges pictures")
    if scale not in (None, operator.scale):
        raise DlicError(f"{found.name} enlarges x{operator.scale}, not x{scale}")
    return operator
