"""Stage `block_gan`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from torch import Tensor

from dlic_registry import Component
from lightning_dlic.imaging.blocks import surroundings
from lightning_dlic.stages.gan import Adversarial
from lightning_dlic.stages.prediction.base import Net, Prediction
from lightning_dlic.stages.settings import Spec

Discriminator = Annotated[Mapping[str, Any] | None, Component("net", provides=("channels",))]


class BlockGAN(Adversarial, Prediction):
    """A block predictor trained against a discriminator, which sees each block within its context.

    The machinery is SRGAN's (Ledig et al. 2017). Such blocks are sharper than the mean of what may follow, and farther
    from what does follow.
    """

    loss_terms: ClassVar[tuple[str, ...]] = ("content", "pixel", "transform", "adversarial")
    default_losses: ClassVar[Mapping[str, Spec | None]] = {
        "pixel": {"name": "block_l2", "weight": 1.0},
        "adversarial": {"name": "bce", "weight": 1e-3},
    }

    def __init__(
        self, m: int = 8, blocks: int = 512, generator: Net = None, discriminator: Discriminator = None
    ) -> None:
        """Builds both networks.

        Args:
            m: Side of the blocks: 4, 8, 16 or 32.
            blocks: Blocks drawn a batch.
            generator: Network by registered name; `pnns_fc` by default.
            discriminator: Network by registered name; a narrow `srgan_discriminator` by default.
        """
        super().__init__(m, blocks, generator)
        self.add_discriminator(discriminator or {"name": "srgan_discriminator", "width": 16, "dense": 128}, 1)

    def judged(self, inputs: Tensor, made: Tensor) -> Tensor:
        """Blocks within their contexts, ``[N, 1, 3m, 3m]``: alone they would say nothing of their borders."""
        return surroundings(inputs, made)
