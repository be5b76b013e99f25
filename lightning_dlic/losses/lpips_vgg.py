"""LPIPS with VGG-16, as a loss."""

from __future__ import annotations

from torch import Tensor, nn

from dlic_registry import DlicError
from lightning_dlic.frozen.lpips_heads import lpips_heads
from lightning_dlic.frozen.vgg import VGG16, convolution_index, jittered

_LAYERS = ("1_2", "2_2", "3_3", "4_3", "5_3")


class LPIPSVGG(nn.Module):
    """LPIPS v0.1 with VGG-16 (Zhang et al., CVPR 2018): features weighed by heads fitted to people's judgements.

    The weights are frozen and never part of a checkpoint. They are ``vgg16_features.safetensors`` and
    ``lpips_lin_v0.1.safetensors`` in ``$DLIC_WEIGHTS`` or ``$DLIC_DATA/weights``; else torchvision downloads the
    network, and the package ``lpips`` has the heads.
    """

    def __init__(self, jitter: int = 0) -> None:
        """Loads the network.

        Args:
            jitter: Both pictures lose so many rows and columns, a random share of them at the top and left.

        Raises:
            DlicError: The jitter is negative, or the weights can be had nowhere.
        """
        super().__init__()
        if jitter < 0:
            raise DlicError(f"losses: lpips_vgg jitter must be at least 0, not {jitter}")
        self.jitter = jitter
        self.ends = [convolution_index(layer, VGG16.blocks) + 2 for layer in _LAYERS]
        self.vgg = VGG16(self.ends[-1] - 1)
        self.heads = nn.ParameterList(lpips_heads("vgg"))
        self.requires_grad_(False)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compares RGB (or grey) pictures ``[B, 3|1, H, W]`` in [0, 1]; a scalar, the mean over pictures."""
        x, y = (self.vgg.activations(p, self.ends) for p in jittered(output, target.detach(), self.jitter))
        total = output.new_zeros(())
        for head, a, b in zip(self.heads, x, y, strict=True):
            total = total + ((_unit(a) - _unit(b)).square() * head).sum(1).mean()
        return total


def _unit(features: Tensor) -> Tensor:
    """Features of length 1 at each place."""
    wide = features.float()
    return wide / ((wide.square().sum(1, keepdim=True) + 1e-20).sqrt() + 1e-10)
