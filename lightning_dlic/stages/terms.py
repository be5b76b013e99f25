"""Loss terms of a stage: built from registered names, and called so that what does not fit is told in a sentence."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dlic_registry import DlicError, load
from dlic_registry.building import building
from lightning_dlic.losses.kinds import of_discriminator
from lightning_dlic.stages.settings import Spec

ADVERSARIAL = "adversarial"
"""The one term that compares nothing: it is a discriminator's."""


def build_losses(specs: Mapping[str, Spec | None]) -> tuple[dict[str, nn.Module], dict[str, float]]:
    """Builds losses of terms, with their weights.

    Args:
        specs: ``{term: {"name": ..., "weight": ..., ...}}``; None switches a term off.

    Raises:
        DlicError: A loss refuses its arguments, or looks into a discriminator where none is trained against.
    """
    losses, weights = {}, {}
    for term, spec in specs.items():
        if spec is not None:
            arguments = {key: value for key, value in spec.items() if key not in ("name", "weight")}
            with building(f"losses.{term}"):
                losses[term] = load("loss", spec["name"], own_first=True)(**arguments)
            weights[term] = float(spec.get("weight", 1.0))
    for term, loss in losses.items():
        if of_discriminator(loss) and ADVERSARIAL not in losses:
            raise DlicError(
                f"losses.{term}: {type(loss).__name__} looks into a discriminator, which there is only with the term "
                f"{ADVERSARIAL}"
            )
    return losses, weights


def apply_loss(term: str, loss: nn.Module, output: Tensor, target: Tensor) -> Tensor:
    """Compares by a loss.

    Raises:
        DlicError: The loss does not take such tensors, or gives no single number.
    """
    try:
        value: Tensor = loss(output, target)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:160]
        raise DlicError(_misfit(term, loss, output, target, reason)) from error
    if value.numel() != 1:
        raise DlicError(_misfit(term, loss, output, target, f"it gives {tuple(value.shape)}, not one number"))
    return value


def _misfit(term: str, loss: nn.Module, output: Tensor, target: Tensor, reason: str) -> str:
    shapes = f"an output of {tuple(output.shape)} and a target of {tuple(target.shape)}"
    return f"losses.{term}: {type(loss).__name__} does not compare {shapes} ({reason})\nChoose another loss."
