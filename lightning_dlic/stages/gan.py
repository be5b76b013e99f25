"""The machinery of a GAN, for any stage whose network makes pictures or blocks."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from dlic_registry import DlicError, load
from lightning_dlic.frozen.memory import remembering
from lightning_dlic.losses.kinds import Sees, seen_by
from lightning_dlic.nets.discriminators.base import Discriminator
from lightning_dlic.stages.base import Stage, Terms
from lightning_dlic.stages.settings import Spec
from lightning_dlic.stages.terms import ADVERSARIAL


class Adversarial(Stage):
    """Trains the stage's network against a discriminator.

    Mixed into a stage that defines the task; its network is the role ``generator``. The term ``adversarial`` is the
    discriminator's, and so are losses that look into it (`losses.kinds.Sees`); all others compare what was made with
    the target.

    Attributes:
        discriminator: Any network that gives logits of pictures; `nets.discriminators.base.Discriminator` adds to that.
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

    def add_discriminator(self, spec: Mapping[str, Any], channels: int, conditions: int = 0) -> None:
        """Builds the discriminator of registered name ``spec["name"]`` with its arguments.

        Args:
            spec: Name and arguments.
            channels: Of what it is to judge.
            conditions: Channels of what it can be told, if it takes any.
        """
        cls = load("net", spec["name"], own_first=True)
        arguments = {key: value for key, value in spec.items() if key != "name"}
        self.shown = conditions if "conditions" in inspect.signature(cls).parameters else 0
        told = {"conditions": self.shown} if self.shown else {}
        self.discriminator = cls(channels=channels, **told, **arguments)

    def setup(self, stage: str) -> None:
        """What the discriminator looks through is loaded before the first batch is."""
        super().setup(stage)
        # A chain may be trained without one.
        discriminator = getattr(self, "discriminator", None)
        if stage == "fit" and isinstance(discriminator, Discriminator):
            discriminator.prepare()

    def role_parameters(self, role: str) -> Iterator[nn.Parameter]:
        """Parameters of the network for ``generator``, of the discriminator for the other."""
        return (self.net if role == "generator" else self.discriminator).parameters()

    def judged(self, inputs: Any, made: Tensor) -> Tensor:
        """What the discriminator looks at of what was made, or of the target: the whole of it."""
        return made

    def told(self, inputs: Any) -> Tensor | None:
        """What the discriminator is told the pictures were made of, if it takes conditions: nothing."""
        return None

    def share(self, inputs: Any) -> float:
        """By how much the discriminator counts in a batch; at 0 it rests. The default: fully."""
        return 1.0

    def updates(self, inputs: Any, target: Tensor) -> Iterator[tuple[str | tuple[str, ...], Terms]]:
        """Yields the generator's terms, then the discriminator's on the same made pictures."""
        # Where losses and discriminator look through the same frozen network, it looks once.
        with remembering():
            yield from self._sides(inputs, target)

    def _sides(self, inputs: Any, target: Tensor) -> Iterator[tuple[str | tuple[str, ...], Terms]]:
        made = self.produce(inputs)
        terms = self.terms(inputs, made, target)
        if ADVERSARIAL not in self.losses:
            yield "generator", terms
            return
        share = self.share(inputs)
        if not share:
            yield "generator", terms
            yield "discriminator", {}
            return
        seen, real, told = self.judged(inputs, made), self.judged(inputs, target), self.told(inputs)
        fooled = {name: share * value for name, value in self.fooled(seen, real, told).items()}
        yield "generator", {**terms, **fooled}
        yield "discriminator", self.told_apart(real, seen, told)

    def fooled(self, made: Tensor, real: Tensor, told: Tensor | None = None) -> dict[str, Tensor]:
        """How little the discriminator believes what was made, and how differently it sees it, weighted.

        Args:
            made: What it looks at of what was made.
            real: The same of the original.
            told: What it is told they were made of.

        Returns:
            The generator's terms; the discriminator is not moved by them.
        """
        loss = self.losses[ADVERSARIAL]
        matched = [name for name, each in self.losses.items() if seen_by(each) is Sees.ACTIVATIONS]
        with self.frozen(self.discriminator):
            logits, inside = self._ask(made, told, deep=matched)
            if matched or getattr(loss, "relative", False):
                wanted, truth = self._ask(real.detach(), told, deep=matched)
        if getattr(loss, "relative", False):
            values = [loss.generator(*pair) for pair in zip(logits, wanted, strict=True)]  # type: ignore[operator]
        else:
            values = [loss.generator(each) for each in logits]  # type: ignore[operator]
        terms = {ADVERSARIAL: _mean(values) * self.loss_weights[ADVERSARIAL]}
        for name in matched:
            terms[name] = self.losses[name](inside, truth) * self.loss_weights[name]
        return terms

    def told_apart(self, real: Tensor, made: Tensor, told: Tensor | None = None) -> dict[str, Tensor]:
        """How badly the discriminator tells what was made from what is real, and what it pays for being steep.

        Args:
            real: What it looks at of the original.
            made: The same of what was made.
            told: What it is told they were made of.

        Returns:
            The discriminator's terms; the generator is not moved by them.
        """
        loss, steep = self.losses[ADVERSARIAL], self._steepness_due()
        real = real.detach().requires_grad_(bool(steep))
        believed, _ = self._ask(real, told)
        doubted, _ = self._ask(made.detach(), told)
        pairs = zip(believed, doubted, strict=True)
        terms = {ADVERSARIAL: _mean([loss.discriminator(*pair) for pair in pairs])}  # type: ignore[operator]
        for name in steep:
            terms[name] = self.losses[name](believed, real) * self.loss_weights[name]
        return terms

    def _steepness_due(self) -> list[str]:
        found = {name: loss for name, loss in self.losses.items() if seen_by(loss) is Sees.GRADIENT}
        return [name for name, loss in found.items() if getattr(loss, "due", lambda _: True)(self.batches)]

    def _ask(
        self, pictures: Tensor, told: Tensor | None, deep: Sequence[str] = ()
    ) -> tuple[tuple[Tensor, ...], list[Tensor]]:
        """Logits of the discriminator, and where terms compare them its activations."""
        if deep and not hasattr(self.discriminator, "judge"):
            name = type(self.discriminator).__name__
            raise DlicError(f"losses.{deep[0]}: discriminator {name} does not show its activations: it has no judge")
        shown = (pictures,) if told is None else (pictures, told)
        logits, inside = self.discriminator.judge(*shown) if deep else (self.discriminator(*shown), [])  # type: ignore[operator]
        several = (logits,) if isinstance(logits, Tensor) else tuple(logits)
        return tuple(each.float() for each in several), inside


def _mean(values: Sequence[Tensor]) -> Tensor:
    """Of the depths at which a discriminator judges, each alike."""
    total: Tensor = sum(values[1:], values[0])
    return total / len(values)
