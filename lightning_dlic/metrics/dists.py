"""DISTS: structure and texture of pictures, as a network sees them (Ding et al. 2020)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlic_registry import DlicError
from lightning_dlic.frozen.vgg import VGG16, convolution_index
from lightning_dlic.metrics.running import LARGE, NetworkMetric

_LAYERS = ("1_2", "2_2", "3_3", "4_3", "5_3")
_FAINT = 1e-6


class _Network(nn.Module):
    """VGG-16 with its maxima replaced by means of squares, which alias less, and the weights of its channels."""

    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        ends = [convolution_index(layer, VGG16.blocks) + 2 for layer in _LAYERS]
        self.vgg = VGG16(ends[-1] - 1)
        # Each block but the first begins behind the maximum that ends the one before.
        starts = [0, *(end + 1 for end in ends[:-1])]
        self.blocks = [self.vgg.layers[start:end] for start, end in zip(starts, ends, strict=True)]
        taps = torch.tensor([0.25, 0.5, 0.25])
        self.register_buffer("window", torch.outer(taps, taps)[None, None], persistent=False)
        structure, texture = _weights()
        total = structure.sum() + texture.sum()
        self.structure, self.texture = (weight / total for weight in (structure, texture))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Distances ``[B]`` between pictures ``[B, 3, H, W]`` in [0, 1]."""
        alike, start = x.new_zeros(len(x)), 0
        for a, b in zip(self._features(x), self._features(y), strict=True):
            here = slice(start, start + a.shape[1])
            start += a.shape[1]
            mean_a, mean_b = a.mean((2, 3)), b.mean((2, 3))
            luminance = (2 * mean_a * mean_b + _FAINT) / (mean_a**2 + mean_b**2 + _FAINT)
            spread_a, spread_b = (f.var((2, 3), correction=0) for f in (a, b))
            common = (a * b).mean((2, 3)) - mean_a * mean_b
            structure = (2 * common + _FAINT) / (spread_a + spread_b + _FAINT)
            alike = alike + (self.structure[here].to(a) * luminance + self.texture[here].to(a) * structure).sum(1)
        return 1.0 - alike

    def _features(self, picture: Tensor) -> list[Tensor]:
        found, x = [picture], self.vgg.normalised(picture)
        for number, block in enumerate(self.blocks):
            x = block(self._halved(x) if number else x)
            found.append(x)
        return found

    def _halved(self, x: Tensor) -> Tensor:
        window = self.window.expand(x.shape[1], -1, -1, -1)
        return (F.conv2d(x.square(), window, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


def _weights() -> tuple[Tensor, Tensor]:
    """The authors' weights of channels, which torchmetrics carries: of their means, and of how they vary."""
    # Found, not imported: the module would build torchvision's network.
    spec = find_spec("torchmetrics")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    path = folder / "functional" / "image" / "dists_models" / "weights.pt"
    if not path.is_file():
        raise DlicError("metric dists needs weights that torchmetrics carries from version 1.8 on: update torchmetrics")
    loaded = torch.load(path, map_location="cpu", weights_only=True)
    return loaded["alpha"].flatten().detach(), loaded["beta"].flatten().detach()


class DISTS(NetworkMetric):
    """DISTS (Ding et al. 2020) at the pictures' own resolution; lower is better.

    VGG-16's weights are ``vgg16_features.safetensors`` in ``$DLIC_WEIGHTS`` or ``$DLIC_DATA/weights``; else torchvision
    downloads them.
    """

    largest: ClassVar[int] = LARGE // 2
    network: ClassVar[type[nn.Module]] = _Network
