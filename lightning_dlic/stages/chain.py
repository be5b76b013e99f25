"""Several stages as one: the decoder behind the base codec, trained for the picture that it ends in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from dlic_registry import DlicError, load
from dlic_registry.building import building
from lightning_dlic.imaging.color import luma
from lightning_dlic.kinds.order import in_order
from lightning_dlic.metrics.protocol import score
from lightning_dlic.stages.base import Batch, Stage, Terms
from lightning_dlic.stages.gan import Adversarial
from lightning_dlic.stages.relay import Leg, Relay, start
from lightning_dlic.stages.settings import Settings, Spec
from lightning_dlic.stages.terms import ADVERSARIAL, build_losses

DISCRIMINATOR = "discriminator"


class Chain(Adversarial):
    """Stages in the order of their kinds, each on what the one before hands on; some are trained, the others frozen.

    Roles are the trained kinds and, where one is named, ``discriminator``. Losses are on the picture that comes out;
    those under a stage's kind on what that stage makes by itself. Frozen stages are in evaluation mode, and let
    gradients through to what stands before them.
    """

    kind: ClassVar[str] = "chain"
    loss_terms: ClassVar[tuple[str, ...]] = (ADVERSARIAL,)
    scores: ClassVar[tuple[str, ...]] = ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb")
    default_losses: ClassVar[Mapping[str, Spec | None]] = {"pixel": {"name": "l1", "weight": 1.0}}

    net: nn.ModuleDict

    def __init__(
        self, stages: Mapping[str, Mapping[str, Any]], train: Sequence[str], discriminator: Spec | None = None
    ) -> None:
        """Builds the stages.

        Args:
            stages: ``{kind: {"name": ..., "args": {...}}}``, in any order.
            train: Kinds that are trained.
            discriminator: Network by registered name with its arguments, which sees the picture that comes out.

        Raises:
            ValueError: ``train`` names none of the stages, or a stage refuses its arguments.
            DlicError: The kinds' slots give no order, or a stage has no part in chains.
        """
        super().__init__()
        self.net = nn.ModuleDict({kind: _part(kind, stages[kind]) for kind in in_order(stages)})
        if not train or not set(train) <= set(stages):
            raise ValueError(f"train must name some of {', '.join(stages)}, not {', '.join(train) or 'none'}")
        self.scale = math.prod(int(getattr(part, "scale", 1)) for part in self.parts.values())
        names = dict.fromkeys(part.plain_name for part in self.parts.values())
        colored = any(part.gives_color for part in self.parts.values())
        roles = tuple(kind for kind in self.parts if kind in train)
        # Declared for classes; a chain's depend on what it is made of.
        vars(self).update(
            roles=(*roles, DISCRIMINATOR) if discriminator is not None else roles,
            gives_color=colored,
            monitor="psnr_rgb" if colored else "psnr_y",
            baseline_name=" + ".join(names),
        )
        for kind, part in self.parts.items():
            # Networks of the parts' own that have no role here, discriminators for one, stay as they are.
            part.requires_grad_(False)
            part.net.requires_grad_(kind in train)
        if discriminator is not None:
            self.add_discriminator(discriminator, 3 if colored else 1)
        self.train()

    @property
    def parts(self) -> dict[str, Stage]:
        """All stages by kind, in their order."""
        return dict(self.net.items())  # type: ignore[arg-type]

    def trained(self) -> Mapping[str, Stage]:
        """The stages that are trained, by kind."""
        return {kind: part for kind, part in self.parts.items() if kind in self.roles}

    @property
    def leaves_unused(self) -> bool:
        """Always: a stage's network may make more than a chain hands on."""
        return True

    def train(self, mode: bool = True) -> Chain:
        """Sets the mode; frozen stages stay in evaluation."""
        super().train(mode)
        for kind, part in self.parts.items():
            if kind not in self.roles:
                part.eval()
        return self

    # Settings

    def configure(self, settings: Settings) -> None:
        """Takes the recipe's settings; terms below a kind are its stage's.

        Raises:
            DlicError: Nothing is left to train for, or a stage's own terms move nothing that is trained.
        """
        own = {kind: settings.losses[kind] or {} for kind in self.parts if kind in settings.losses}
        final = {term: spec for term, spec in settings.losses.items() if term not in self.parts}
        self.take_settings(settings)
        self.losses, self.loss_weights = build_losses(final or ({} if any(own.values()) else self.default_losses))
        for kind, part in self.parts.items():
            part.settings = replace(settings, losses=own.get(kind, {}))
            part.losses, part.loss_weights = build_losses(own.get(kind, {}))
            if part.losses and not self._moves(kind):
                raise DlicError(f"losses.{kind}: neither {kind} nor a stage before it is trained")
        if not self.losses and not any(part.losses for part in self.parts.values()):
            raise DlicError("losses: every term is switched off; there is nothing to train for")
        if (ADVERSARIAL in self.losses) is not (DISCRIMINATOR in self.roles):
            missing = "discriminator" if ADVERSARIAL in self.losses else f"losses.{ADVERSARIAL}"
            raise DlicError(f"a chain is trained against a discriminator by both: {missing} is missing")

    def _moves(self, kind: str) -> bool:
        order = list(self.parts)
        return any(before in self.roles for before in order[: order.index(kind) + 1])

    def optimizer_spec(self, role: str) -> Spec:
        """What the recipe says of a role's optimizer, or else the stage's own."""
        if role == DISCRIMINATOR or role in self.settings.optim:
            return super().optimizer_spec(role)
        part = self.parts[role]
        return part.default_optim[part.roles[0]]

    def role_parameters(self, role: str) -> Iterator[nn.Parameter]:
        """Parameters of a trained stage's network, or of the discriminator."""
        return (self.discriminator if role == DISCRIMINATOR else self.parts[role].net).parameters()

    def named_role_parameters(self, role: str) -> list[tuple[str, nn.Parameter]]:
        """Parameters of a role by their names in its network."""
        return list((self.discriminator if role == DISCRIMINATOR else self.parts[role].net).named_parameters())

    def compiled(self) -> list[nn.Module]:
        """The networks that training runs."""
        others = [self.discriminator] if DISCRIMINATOR in self.roles else []
        return [*(part.net for part in self.trained().values()), *others]

    def on_fit_start(self) -> None:
        """Moves all losses to the device."""
        super().on_fit_start()
        for part in self.parts.values():
            for loss in part.losses.values():
                loss.to(self.device)

    # The task

    def task(self, batch: Batch) -> tuple[Relay, Tensor]:
        """Gives what the first stage is handed, and the original: RGB ``[B, 3, H, W]`` in [0, 1]."""
        dtype = next((parameter.dtype for parameter in self.parameters()), torch.float32)
        relay = start(batch, self.scale, dtype, drawing=self.training)
        if self.settings.channels_last:
            relay = replace(relay, luma=relay.luma.contiguous(memory_format=torch.channels_last))
        return relay, relay.original

    def run(self, relay: Relay) -> tuple[Relay, dict[str, Leg]]:
        """Runs all stages.

        Returns:
            What the last hands on, and what each has done.
        """
        legs = {}
        for kind, part in self.parts.items():
            legs[kind] = part.link(relay)
            relay = legs[kind].relay
        return relay, legs

    def forward(self, inputs: Relay) -> Tensor:
        """The picture as the decoder shows it: RGB ``[B, 3, H, W]`` in [0, 1]; luma alone without colour."""
        return self.run(inputs)[0].picture()

    def updates(self, inputs: Relay, target: Tensor) -> Iterator[tuple[str | tuple[str, ...], Terms]]:
        """Yields all trained stages with the terms they share, then the discriminator's."""
        relay, legs = self.run(inputs)
        whole = relay.full()
        # Not clipped: gradients reach what is out of range.
        made = whole.luma if whole.chroma is None else whole.rgb()
        truth = self._comparable(made, target)
        terms = self.terms(inputs, made, truth)
        for kind, part in self.parts.items():
            if part.losses:
                own = part.terms(legs[kind].inputs, legs[kind].output, legs[kind].target())
                terms |= {f"{kind}_{name}": value for name, value in own.items()}
        if ADVERSARIAL in self.losses:
            terms |= self.fooled(made, truth)
        yield tuple(self.trained()), terms
        if ADVERSARIAL in self.losses:
            yield DISCRIMINATOR, self.told_apart(truth, made)

    @staticmethod
    def _comparable(made: Tensor, target: Tensor) -> Tensor:
        """The target in colour or not, as what was made."""
        return luma(target) if made.shape[1] == 1 else target

    # Figures

    def score(self, inputs: Relay, output: Tensor, target: Tensor) -> dict[str, float]:
        """PSNR and SSIM on Y, and on RGB where there is colour, with a border of the scale cut off."""
        truth = (self._comparable(output, target) * 255.0).round().to(torch.uint8)
        return score(output, truth, inputs.scale)

    def pictures(self, inputs: Relay, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The picture that comes out, and the original."""
        return output, self._comparable(output, target)

    def baseline(self, inputs: Relay) -> Tensor:
        """What every stage would do without its network."""
        for part in self.parts.values():
            inputs = part.plain(inputs)
        picture = inputs.picture()
        return picture.expand(-1, 3, -1, -1) if self.gives_color else picture

    def panel(self, inputs: Relay, output: Tensor, target: Tensor) -> Tensor:
        """Without networks, output and original side by side."""
        made = (self.baseline(inputs)[0], output[0], self._comparable(output, target)[0])
        return torch.cat([picture.float() for picture in made], dim=-1).clamp(0.0, 1.0).expand(3, -1, -1)


def _part(kind: str, spec: Mapping[str, Any]) -> Stage:
    with building(f"stages.{kind}.args"):
        part: Stage = load(kind, spec["name"])(**(spec.get("args") or {}))
    if type(part).link is Stage.link:
        raise DlicError(f"stage {spec['name']!r} of kind {kind!r} has no part in chains: its class has no link")
    return part
