"""Numbers that have left their range: found before they become black pictures, files or figures."""

from __future__ import annotations

from torch import Tensor, nn

from dlic_registry import DlicError


class NotFiniteError(DlicError):
    """Infinities or not-a-numbers where a network's values should be."""


def unfinite(module: nn.Module) -> str | None:
    """The first of a module's tensors with values that are not finite.

    Args:
        module: Any. Minus infinity is allowed in buffers, where masks have it.

    Returns:
        Its name in the state dict, or None.
    """
    buffers = {name for name, _ in module.named_buffers()}
    for name, value in module.state_dict().items():
        if not value.is_floating_point() or bool(value.isfinite().all()):
            continue
        if name not in buffers or bool((value.isnan() | value.isposinf()).any()):
            return name
    return None


def finite(part: Tensor) -> Tensor:
    """The values as they are, where all are finite.

    Raises:
        NotFiniteError: One is not.
    """
    if not bool(part.isfinite().all()):
        raise NotFiniteError("the network gives values that are not finite for this picture; its weights diverged")
    return part
