"""The device that ``--device`` names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlic_registry import DlicError

if TYPE_CHECKING:
    import torch


def pick_device(name: str) -> torch.device:
    """Finds a device.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ... or ``auto``: an accelerator where there is one.

    Raises:
        DlicError: There is no such device here.
    """
    import torch

    if name == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).splitlines()[0][:120]
        raise DlicError(f"--device {name}: not available here ({reason}); try --device cpu") from error
    return device
