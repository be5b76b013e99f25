"""What a loss looks at. One that says nothing of it (``sees``) compares an output with a target."""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class Sees(StrEnum):
    """What the ``forward`` of a loss is called with."""

    PICTURES = "pictures"
    """An output and a target."""
    REFERENCE = "reference"
    """An output, a target, and where the stage has one a steadier output as ``reference``."""
    ACTIVATIONS = "activations"
    """Lists of a discriminator's activations: of what was made, and of what is real."""
    GRADIENT = "gradient"
    """A discriminator's logits of real pictures, and these pictures; it is the discriminator's own term."""


def seen_by(loss: Any) -> Sees:
    """What a loss, or a class of losses, looks at."""
    return Sees(getattr(loss, "sees", Sees.PICTURES))


def of_discriminator(loss: Any) -> bool:
    """Whether a loss has nothing to look at without a discriminator."""
    return seen_by(loss) in (Sees.ACTIVATIONS, Sees.GRADIENT)
