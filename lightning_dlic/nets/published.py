"""Weights that others have published: safetensors, and PyTorch's files as far as they hold tensors alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dlic_registry import DlicError

PICKLES = (".pt", ".pth", ".bin", ".pkl", ".pickle", ".tar")
"""Endings of PyTorch's files, which are pickles of a kind."""

# Where training frameworks keep the network beside other things; averaged weights first.
_PLACES = ("params_ema", "params-ema", "params", "model_state_dict", "state_dict", "generator", "model", "net")
_PREFIXES = ("module.", "netG.")


def read_published(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, freed of what frameworks wrap around them.

    PyTorch's own restricted reader takes tensors and plain values; anything else in a file is refused.

    Args:
        path: A safetensors file, or one of PyTorch's.

    Raises:
        DlicError: It is neither, or holds no tensors.
    """
    try:
        if path.suffix.lower() == ".safetensors":
            from safetensors.torch import load_file

            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        # Damaged files end in errors of every kind.
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)[:160]
        if path.suffix.lower() == ".safetensors":
            raise DlicError(f"{path}: not a safetensors file ({reason})") from error
        raise DlicError(
            f"{path}: cannot be read as tensors alone ({reason})\n"
            "It holds more than that, or is damaged. Save its tensors by safetensors.torch.save_file."
        ) from error
    tensors = _unwrapped(found)
    if not tensors:
        raise DlicError(f"{path}: holds no tensors by name")
    return tensors


def _unwrapped(found: Any) -> dict[str, Tensor]:
    while isinstance(found, Mapping):
        inside = next((found[place] for place in _PLACES if isinstance(found.get(place), Mapping)), None)
        if inside is None:
            break
        found = inside
    if not isinstance(found, Mapping):
        return {}
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
    for prefix in _PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return tensors
