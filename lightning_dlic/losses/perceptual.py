"""The VGG content loss of SRGAN: distances between feature maps of a network trained to recognise objects."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from dlic_registry import DlicError
from lightning_dlic.frozen.vgg import VGG19, convolution_index, jittered


class Perceptual(nn.Module):
    """Mean squared distance of VGG-19 features (Ledig et al. 2017; VGG54 is convolution 5_4 after its activation).

    The factor on the features is part of the loss: the paper's content loss weighs 1 beside its adversarial one.

    The weights are frozen and never part of a checkpoint; `VGG19` says where they come from.
    """

    def __init__(
        self, layer: str = "5_4", rescale: float = 1.0 / 12.75, jitter: int = 0, activated: bool = True
    ) -> None:
        """Loads the network.

        Args:
            layer: Convolution whose output is compared, as ``block_convolution``.
            rescale: Factor on the features; the paper's 1/12.75, which makes .006 of their squares, brings the loss
                near the MSE's size.
            jitter: Both pictures lose so many rows and columns, a random share of them at the top and left.
            activated: Whether the convolution's activation is applied. Features before it are many times larger.

        Raises:
            DlicError: No weights were found, and none could be downloaded; the layer does not exist; or the jitter is
                negative.
        """
        super().__init__()
        if jitter < 0:
            raise DlicError(f"losses: perceptual jitter must be at least 0, not {jitter}")
        self.jitter, self.rescale = jitter, rescale
        try:
            last = convolution_index(layer)
        except DlicError as error:
            raise DlicError(f"losses: perceptual layer: {error}") from error
        self.features = VGG19(last + activated)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares RGB (or grey) pictures ``[B, 3|1, H, W]`` in [0, 1]; a scalar."""
        x, y = jittered(output, target.detach(), self.jitter)
        return F.mse_loss(self.features(x) * self.rescale, self.features(y) * self.rescale)
