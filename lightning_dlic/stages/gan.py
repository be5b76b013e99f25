"""The machinery of a GAN, for any stage whose network makes pictures or blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from dlic_registry import load
from lightning_dlic.stages.base import Stage, Terms
from lightning_dlic.stages.settings import Spec
from lightning_dlic.stages.terms import ADVERSARIAL


class Adversarial(Stage):
    """Trains the stage's network against a discriminator.

    Mixed into a stage that defines the task; its network is the role ``generator``. The term ``adversarial`` is the
    discriminator's, all others compare what was made with the target.
    """

    roles: ClassVar[tuple[str, ...]] = ("generator", "discriminator")
    loss_terms: ClassVar[tuple[str, ...]] = ("content", "pixel", ADVERSARIAL)
    more_terms: ClassVar[bool] = True
    default_optim: ClassVar[Mapping[str, Spec]] = {
        "generator": {"name": "adam", "lr": 1e-4},
        "discriminator": {"name": "adam", "lr": 1e-4},
    }
    default_losses: ClassVar[Mapping[str, Spec | None]] = {
        "pixel": {"name": "l1", "weight": 1.0},
        "adversarial": {"name": "bce", "weight": 1e-3},
    }

    discriminator: nn.Module

    def add_discriminator(self, spec: Mapping[str, Any], channels: int) -> None:
        """Builds the discriminator of registered name ``spec["name"]`` with its arguments."""
        arguments = {key: value for key, value in spec.items() if key != "name"}
        self.discriminator = load("net", spec["name"], own_first=True)(channels=channels, **arguments)

    def role_parameters(self, role: str) -> Iterator[nn.Parameter]:
        """Parameters of the network for ``generator``, of the discriminator for the other."""
        return (self.net if role == "generator" else self.discriminator).parameters()

    def judged(self, inputs: Any, made: Tensor) -> Tensor:
        """What the discriminator looks at of what was made, or of the target: the whole of it."""
        return made

    def updates(self, inputs: Any, target: Tensor) -> Iterator[tuple[str | tuple[str, ...], Terms]]:
        """Yields the generator's terms, then the discriminator's on the same made pictures."""
        made = self.produce(inputs)
        terms = self.terms(inputs, made, target)
        if ADVERSARIAL not in self.losses:
            yield "generator", terms
            return
        yield "generator", {**terms, ADVERSARIAL: self.fooled(self.judged(inputs, made))}
        yield "discriminator", {ADVERSARIAL: self.told_apart(self.judged(inputs, target), self.judged(inputs, made))}

    def fooled(self, made: Tensor) -> Tensor:
        """How little the discriminator believes what was made, weighted; it is not moved by that."""
        with self.frozen(self.discriminator):
            value: Tensor = self.losses[ADVERSARIAL].generator(self.discriminator(made))  # type: ignore[operator]
        return value * self.loss_weights[ADVERSARIAL]

    def told_apart(self, real: Tensor, made: Tensor) -> Tensor:
        """How badly the discriminator tells what was made from what is real; the generator is not moved by that."""
        logits = self.discriminator(real), self.discriminator(made.detach())
        value: Tensor = self.losses[ADVERSARIAL].discriminator(*logits)  # type: ignore[operator]
        return value
