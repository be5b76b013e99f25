"""LPIPS: how far apart two pictures look to a network (Zhang et al., CVPR 2018)."""

from __future__ import annotations

from torch import Tensor, nn

from lightning_dlic.frozen.alexnet import ENDS, AlexNet
from lightning_dlic.frozen.lpips_heads import lpips_heads


def _unit(features: Tensor) -> Tensor:
    """Features of length 1 at each place."""
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)


class LPIPS(nn.Module):
    """LPIPS v0.1 with AlexNet; lower is more alike.

    The weights come from ``$DLIC_WEIGHTS`` or ``$DLIC_DATA/weights``; else AlexNet's from torchvision, which downloads
    them, and the heads from the package ``lpips``.
    """

    def __init__(self) -> None:
        """Loads the network.

        Raises:
            DlicError: No weights were found, and none could be downloaded.
        """
        super().__init__()
        self.features = AlexNet()
        self.heads = nn.ParameterList(lpips_heads("alex"))
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Distances ``[B]`` between pictures ``[B, 3|1, H, W]`` in [0, 1], of at least 32x32."""
        a, b = self.features.normalised(x), self.features.normalised(y)
        total, start = x.new_zeros(x.shape[0]), 0
        # Layer by layer for both: only one layer's features are held at a time.
        for head, end in zip(self.heads, ENDS, strict=True):
            a, b = self.features.layers[start:end](a), self.features.layers[start:end](b)
            total = total + ((_unit(a) - _unit(b)).square() * head).sum(1).mean((1, 2))
            start = end
        return total
