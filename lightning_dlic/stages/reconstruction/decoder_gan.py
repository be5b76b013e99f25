"""Stage `decoder_gan`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from dlic_registry import Component
from lightning_dlic.imaging.color import luma
from lightning_dlic.imaging.wavelet import stationary_wavelets
from lightning_dlic.losses.kinds import Sees, seen_by
from lightning_dlic.stages.gan import Adversarial
from lightning_dlic.stages.reconstruction.base import Inputs, Net, Reconstruction
from lightning_dlic.stages.settings import Spec
from lightning_dlic.stages.terms import ADVERSARIAL

Discriminator = Annotated[Mapping[str, Any] | None, Component("net", provides=("channels", "conditions"))]


class DecoderGAN(Adversarial, Reconstruction):
    """The codec's decoder against a discriminator, by a strength: at 0 faithful and left alone, at 1 vivid.

    The discriminator is told, where it takes conditions, the decoded base layer as well, enlarged by bicubic: it asks
    whether this picture may have become that base layer. What a batch's strength is, its term counts; so do losses that
    look into it. One that wants a steadier picture as a reference gets what the network makes at the least strength.
    """

    loss_terms: ClassVar[tuple[str, ...]] = ("pixel", "content", ADVERSARIAL)
    default_optim: ClassVar[Mapping[str, Spec]] = {
        "generator": {"name": "adam", "lr": 1e-4, "betas": [0.5, 0.9]},
        "discriminator": {"name": "adam", "lr": 1e-4, "betas": [0.5, 0.9]},
    }
    default_losses: ClassVar[Mapping[str, Spec | None]] = {
        "pixel": {"name": "l1", "weight": 1.0},
        "adversarial": {"name": "hinge", "weight": 5e-3},
    }

    def __init__(
        self,
        net: Net = None,
        alphas: Sequence[float] = (0.0, 0.5, 1.0, 1.0),
        discriminator: Discriminator = None,
        ramp: int = 0,
        bands: bool = False,
        conditioned: bool = True,
    ) -> None:
        """Builds both networks.

        Args:
            net: Network by registered name, with its arguments; `DecoderUNet` by default.
            alphas: Strengths to draw from, each in [0, 1]; one that stands twice is drawn twice as often.
            discriminator: Network by registered name, with its arguments; `unet_sn` by default.
            ramp: Batches over which the discriminator's part grows to its full weight.
            bands: Shows the discriminator the fine sub-bands of luma alone (Korkmaz et al. 2024, WGSR): of tone it then
                has no say.
            conditioned: Tells it the decoded base layer, too, where it takes conditions.

        Raises:
            ValueError: A strength is out of range, there is none, or the ramp is negative.
        """
        super().__init__(net, alphas)
        if ramp < 0:
            raise ValueError(f"ramp must be at least 0, not {ramp}")
        self.ramp, self.bands = ramp, bands
        self.add_discriminator(discriminator or {"name": "unet_sn"}, 3, conditions=3 if conditioned else 0)

    def share(self, inputs: Inputs) -> float:
        """The batch's strength, less at the start."""
        grown = min(1.0, (self.batches + 1) / self.ramp) if self.ramp else 1.0
        return grown * float(inputs.alpha[0])

    def judged(self, inputs: Inputs, made: Tensor) -> Tensor:
        """The picture, or its fine sub-bands."""
        if not self.bands:
            return made
        _, (details,) = stationary_wavelets(luma(made), 1)
        # Signed and small: brought to the size and the middle that pictures have.
        return details[:, 0] * 2.0 + 0.5

    def told(self, inputs: Inputs) -> Tensor | None:
        """The base layer enlarged by bicubic."""
        return self.baseline(inputs).to(inputs.ycbcr) if self.shown else None

    def terms(self, inputs: Inputs, produced: Tensor, target: Tensor) -> dict[str, Tensor]:
        """All terms that compare, those with a reference beside what the network makes at the least strength."""
        terms = super().terms(inputs, produced, target)
        beside = [name for name in terms if seen_by(self.losses[name]) is Sees.REFERENCE]
        if beside and float(inputs.alpha[0]) > min(self.alphas):
            with torch.no_grad():
                steady = self(inputs._replace(alpha=torch.full_like(inputs.alpha, min(self.alphas))))
            for name in beside:
                terms[name] = self.losses[name](produced, target, reference=steady) * self.loss_weights[name]
        return terms

    def _strength(self, drawing: bool) -> float:
        """As it is drawn everywhere, and the same on all ranks: each must know whether the discriminator rests."""
        if not drawing:
            return min(self.alphas)
        draw = torch.Generator().manual_seed(hash((self.settings.seed, self.batches)) & 0x7FFF_FFFF_FFFF_FFFF)
        return self.alphas[int(torch.randint(len(self.alphas), (), generator=draw))]
