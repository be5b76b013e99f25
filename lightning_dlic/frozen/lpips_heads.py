"""The linear heads of LPIPS v0.1 (Zhang et al., CVPR 2018), fitted to people's judgements of how alike pictures are."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from dlic_registry import DlicError
from lightning_dlic.weights import find_weights

FILE = "lpips_lin_v0.1.safetensors"


def lpips_heads(backbone: str, count: int = 5) -> list[Tensor]:
    """A weight a channel for each compared layer, ``[1, C, 1, 1]``.

    Args:
        backbone: ``alex`` or ``vgg``.
        count: How many layers are compared.

    Raises:
        DlicError: Neither a file of them nor the package ``lpips``, which carries them, is to be found.
    """
    path = find_weights(FILE)
    if path is not None:
        state = load_file(path)
        found = [state[f"{backbone}.lin{i}"] for i in range(count)]
    else:
        loaded = torch.load(_bundled(backbone), map_location="cpu", weights_only=True)
        found = [loaded[f"lin{i}.model.1.weight"] for i in range(count)]
    return [head.float().view(1, -1, 1, 1) for head in found]


def _bundled(backbone: str) -> Path:
    # Found, not imported: importing the package would build torchvision's models first.
    spec = find_spec("lpips")
    path = Path(spec.origin).parent / "weights" / "v0.1" / f"{backbone}.pth" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise DlicError(
            "LPIPS's linear heads are needed, and the package lpips, which carries them, is not installed.\n"
            f"Put {FILE} into the folder that DLIC_WEIGHTS names, or pip install lpips."
        )
    return path
