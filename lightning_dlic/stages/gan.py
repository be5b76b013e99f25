"""The machinery of a GAN, for any stage whose network makes pictures or blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from dlic_registry import load
from lightning_dlic.stages.base import Stage, Terms
from lightning_dlic.stages.settings import Spec


class Adversarial(Stage):
    """Trains the stage's network against a discriminator.

    Mixed into a stage that defines the task; its network is the role ``generator``. Terms: ``content`` (features),
    ``pixel`` (pictures), ``adversarial``, and whatever else a stage names.
    """

    roles: ClassVar[tuple[str, ...]] = ("generator", "discriminator")
    loss_terms: ClassVar[tuple[str, ...]] = ("content", "pixel", "adversarial")
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

    def updates(self, inputs: Any, target: Tensor) -> Iterator[tuple[str, Terms]]:
        """Yields the generator's terms, then the discriminator's on the same made pictures."""
        adversarial = self.losses.get("adversarial")
        made = self(inputs)
        named = [name for name in self.loss_terms if name in self.losses and name != "adversarial"]
        terms = {name: self.term(name, made, target) for name in named}
        if adversarial is None:
            yield "generator", terms
            return
        weight = self.loss_weights["adversarial"]
        with self.frozen(self.discriminator):
            terms["adversarial"] = weight * adversarial.generator(self.discriminator(self.judged(inputs, made)))  # type: ignore[operator]
        yield "generator", terms
        real, fake = (self.discriminator(self.judged(inputs, blocks)) for blocks in (target, made.detach()))
        yield "discriminator", {"adversarial": adversarial.discriminator(real, fake)}  # type: ignore[operator]
